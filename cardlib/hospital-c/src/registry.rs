//! Handles. A handle is a number that is never used twice and never followed as a pointer, so a stale or invented one is
//! answered, not obeyed. Calls on one device wait for each other; devices work side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::code::{Code, Fault};
use crate::config::Config;
use crate::device::Device;

/// The first handle: no address of a program, no small number.
const FIRST: usize = 0x5248_4301;

/// Devices that are open.
pub struct Registry {
    inner: Mutex<Inner>,
}

struct Inner {
    config: Option<PathBuf>,
    next: usize,
    open: BTreeMap<usize, Open>,
}

struct Open {
    index: usize,
    times: usize,
    device: Arc<Mutex<Device>>,
}

/// The process's devices.
pub static DEVICES: Registry = Registry {
    inner: Mutex::new(Inner {
        config: None,
        next: FIRST,
        open: BTreeMap::new(),
    }),
};

impl Registry {
    /// Names the configuration that is read from now on.
    pub fn configure(&self, path: PathBuf) {
        self.lock().config = Some(path);
    }

    /// Opens device `index` (0 where the configuration has fewer); a second opening gives the same handle.
    ///
    /// # Errors
    /// [`Code::Connect`].
    pub fn open(&self, index: usize) -> Result<usize, Fault> {
        let mut inner = self.lock();
        let config = Config::find(inner.config.as_deref())?;
        let index = if index < config.devices.len() {
            index
        } else {
            0
        };
        let there = inner.open.iter_mut().find(|(_, open)| open.index == index);
        if let Some((handle, open)) = there {
            open.times += 1;
            return Ok(*handle);
        }
        let device = Arc::new(Mutex::new(Device::open(&config, index)?));
        let handle = inner.next;
        inner.next += 1;
        let times = 1;
        inner.open.insert(
            handle,
            Open {
                index,
                times,
                device,
            },
        );
        Ok(handle)
    }

    /// Closes a handle once; the last time ends the device, after a call that is still under way.
    ///
    /// # Errors
    /// [`Code::Connect`] when it is not open.
    pub fn close(&self, handle: usize) -> Result<(), Fault> {
        let mut inner = self.lock();
        let open = inner.open.get_mut(&handle).ok_or_else(not_open)?;
        open.times -= 1;
        if open.times == 0 {
            let device = inner.open.remove(&handle);
            drop(inner); // a reset may take its time
            drop(device);
        }
        Ok(())
    }

    /// Closes what `iDOpenPort` opened: the first device.
    ///
    /// # Errors
    /// [`Code::Connect`] when it is not open.
    pub fn close_port(&self) -> Result<(), Fault> {
        let port = self
            .lock()
            .open
            .iter()
            .find_map(|(handle, open)| (open.index == 0).then_some(*handle));
        self.close(port.ok_or_else(not_open)?)
    }

    /// Calls with a device; other calls on it wait.
    ///
    /// # Errors
    /// [`Code::Connect`] when the handle is not open, and what the call gives.
    pub fn with<T>(
        &self,
        handle: usize,
        call: impl FnOnce(&mut Device) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let found = self
            .lock()
            .open
            .get(&handle)
            .map(|open| open.device.clone());
        let device = found.ok_or_else(not_open)?;
        // A panic in an earlier call reset its cards on the way out; what the device remembers stays usable.
        let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
        call(&mut device)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_open() -> Fault {
    Fault::new(
        Code::Connect,
        "no device is open under this handle; call iDOpenPort first",
        "该句柄没有打开的设备；请先调用 iDOpenPort",
    )
}
