/*
 * rhc_reader.h: the reader interface of the resident health card, 2012.
 *
 * Programs written for the Windows DLL of this interface compile against this header unchanged. For a first program, the
 * codes and the configuration see docs/hospital-interface.md.
 *
 * Strings are GB 18030 (which contains GBK) and end in a zero byte. Types: text as it is; digits without padding; raw
 * bytes in hexadecimal (one byte: two digits). "Size" is the memory that a reading function may fill, zero byte included.
 * Writing functions: NULL and "" leave an element as it is, " " (one blank) empties it.
 *
 * Every function is one transaction that ends in a reset of card and SAM, also on error. Any number of threads may call.
 */
#ifndef RHC_READER_H
#define RHC_READER_H

#if defined(_WIN32)
#include <windows.h>
#define RHC_CALL __stdcall
#else
#define RHC_CALL
#ifndef __stdcall
#define __stdcall
#endif
#ifndef RHC_NO_WINDOWS_TYPES /* for programs that have these types from elsewhere */
typedef void *HANDLE;
typedef unsigned char BYTE;
typedef unsigned short WORD;
typedef unsigned int DWORD; /* 32 bits, as on Windows */
#endif
#endif
#ifndef RHC_NO_SHORT_TYPES
typedef unsigned char uchar;
#if !defined(__USE_MISC) || !defined(_SYS_TYPES_H)
typedef unsigned long ulong;
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Slots. */
#define SLOT_USER 0x01 /* the resident's card */
#define SLOT_PSAM 0x11 /* the SAM */
#define SLOT_CARD 0x12 /* the test socket */

/* Styles of the pieces of a visit record. */
#define NO_style 0x00 /* hexadecimal */
#define AN_style 0x01 /* characters */
#define CN_style 0x0F /* digits */
#define B_style 0xFF  /* hexadecimal */

/* Codes. */
#define RHC_OK 0
#define RHC_CONNECT 1          /* no reader, no PC/SC service, no configuration, or the handle is not open */
#define RHC_NO_CARD 2          /* no card, or another one than PowerOn saw */
#define RHC_NO_RESPONSE 4      /* the card is silent */
#define RHC_DEVICE 5           /* the reader failed */
#define RHC_PARAMETER 101      /* null pointer, wrong form, unknown slot, short buffer */
#define RHC_NO_FILE 102        /* the card lacks the file */
#define RHC_READ_RECORD 103    /* reading a record failed */
#define RHC_CARD 104           /* the card is expired, blocked, not in use, or no health card */
#define RHC_PSAM 105           /* no SAM, its PIN, or a right that it lacks */
#define RHC_INTERNAL_AUTH 106  /* the card is not genuine */
#define RHC_READ_BINARY 107    /* reading photo or visit failed */
#define RHC_WRITE_RECORD 108   /* writing a record failed, or the file is fixed */
#define RHC_WRITE_BINARY 109   /* writing photo or visit failed, or the place is taken */
#define RHC_WRITE_INDEX 110    /* setting a flag failed, or nothing was written for the place */
#define RHC_ERASE_INDEX 111    /* erasing a flag failed, or the record's signature does not hold */
#define RHC_INVALID 112        /* the flag is FF: there is no record */
#define RHC_PHOTO 113          /* the photo is no photo */

/* ---- device */

HANDLE RHC_CALL iDOpenPort(void); /* NULL: could not; rhc_LastMessage says why */
int RHC_CALL iDClosePort(void);
/* The same for several devices: number 1, 2 … of the configuration; any other number is the first. */
HANDLE RHC_CALL OpenDevice(int port);
int RHC_CALL CloseDevice(HANDLE hDev);

/* Resets the card in a slot. ATR: hexadecimal, size 41. From now on another card in SLOT_USER is "no card" (2). */
int RHC_CALL PowerOn(HANDLE hDev, int slot, char *ATR);

/* A command as it is. pbyR_Command: size 258; *pnRes: bytes of the answer, its status word included. */
int RHC_CALL SendAPDU(HANDLE hDev, unsigned char bySlot, unsigned char *pbyC_Command, unsigned long byLen,
        unsigned char *pbyR_Command, int *pnRes);

int RHC_CALL IReader_GetDeviceCSN(HANDLE hDev, char *info); /* size 64 */

/* ---- SAM */

int RHC_CALL iVerifyPIN(HANDLE hDev, char *PIN); /* six digits; NULL or "": the PIN file's */
int RHC_CALL VerifyPin(HANDLE hDev, char *pin, BYTE *retry); /* *retry: tries left */
int RHC_CALL iChange_Pin(HANDLE hDev, char *oldPin, char *newPin);
int RHC_CALL iReader_SAM_Public(HANDLE hDev, char *info);         /* hexadecimal, size 29 */
int RHC_CALL iReader_SAM_Terminal(HANDLE hDev, char *info);       /* hexadecimal, size 13 */
int RHC_CALL iReader_SAM_PublicApp(HANDLE hDev, char *info);      /* hexadecimal, size 51 */
int RHC_CALL iReader_SAM_OrgCertificate(HANDLE hDev, char *info); /* 180 bytes, no zero byte */
int RHC_CALL iReader_SAM_Certificate(HANDLE hDev, char *info);    /* 190 bytes, no zero byte */

/* SM3 of at most 16 MiB. pbHash: size 32. */
int RHC_CALL SM3Digest(HANDLE hCard, BYTE *pbData, unsigned int nDataLen, BYTE *pbHash, BYTE *pbHashLen);
/* The SAM's SM2 signature r || s over a digest of 32 bytes. pbSignedData: size 64. */
int RHC_CALL SM2SignHash(HANDLE hCard, BYTE *pbData, int nLen, BYTE *pbSignedData, BYTE *pbLength);

/* ---- files of DDF1, DF01, DF02 */

/* DDF1/EF05: issuer's data; free to read, without SAM. Fixed for ever: writing answers 108.
 * KLB 2 (card class), GFBB 5 (specification version), FKJGMC 31 (issuer's name), FKJGDM 23 (issuer's code),
 * FKJGZS 361 (issuer's certificate, hexadecimal), FKSJ 9 (issued on), KH 19 (card number), AQM 4 (security
 * code), XPXLH 11 (card serial), YYCSDM 7 (area code). */
int RHC_CALL iR_DDF1EF05Info(HANDLE hDev, char *KLB, char *GFBB, char *FKJGMC, char *FKJGDM, char *FKJGZS,
        char *FKSJ, char *KH, char *AQM, char *XPXLH, char *YYCSDM);
int RHC_CALL iW_DDF1EF05Info(HANDLE hDev, char *KLB, char *GFBB, char *FKJGMC,
        char *FKJGDM, char *FKJGZS, char *FKSJ, char *KH, char *AQM,
        char *XPXLH, char *YYCSDM);

/* DDF1/EF06: holder. Fixed for ever: writing answers 108.
 * XM 31 (name), XB 3 (sex), MZ 3 (ethnic group), CSRQ 9 (born on), SFZH 19 (identity number). */
int RHC_CALL iR_DDF1EF06Info(HANDLE hDev, char *XM, char *XB, char *MZ, char *CSRQ, char *SFZH);
int RHC_CALL iW_DDF1EF06Info(HANDLE hDev, char *XM, char *XB, char *MZ, char *CSRQ,
        char *SFZH);

/* DDF1/EF07: the photo, two bytes of length (big-endian, the JPEG's only), then the JPEG. Size 3074. Length 0: none. */
int RHC_CALL iR_DDF1EF07Info(HANDLE hDev, BYTE *ZHAOPIAN);
int RHC_CALL iW_DDF1EF07Info(HANDLE hDev, BYTE *ZHAOPIAN);

/* DDF1/EF08: validity, telephones, payment.
 * KYXQ 9 (valid until), BRDH1 21 (telephone 1), BRDH2 21 (telephone 2), YLFYZFFS1 3 (payment 1), YLFYZFFS2 3
 * (payment 2), YLFYZFFS3 3 (payment 3). */
int RHC_CALL iR_DDF1EF08Info(HANDLE hDev, char *KYXQ, char *BRDH1, char *BRDH2, char *YLFYZFFS1,
        char *YLFYZFFS2, char *YLFYZFFS3);
int RHC_CALL iW_DDF1EF08Info(HANDLE hDev, char *KYXQ, char *BRDH1, char *BRDH2,
        char *YLFYZFFS1, char *YLFYZFFS2, char *YLFYZFFS3);

/* DF01/EF05: addresses.
 * DZLB1 3 (kind 1), DZ1 101 (address 1), DZLB2 3 (kind 2), DZ2 101 (address 2). */
int RHC_CALL iR_DF01EF05Info(HANDLE hDev, char *DZLB1, char *DZ1, char *DZLB2, char *DZ2);
int RHC_CALL iW_DF01EF05Info(HANDLE hDev, char *DZLB1, char *DZ1, char *DZLB2,
        char *DZ2);

/* DF01/EF06: contact persons.
 * LXRXM1 31 (name 1), LXRGX1 3 (relation 1), LXRDH1 21 (telephone 1), LXRXM2 31 (name 2), LXRGX2 3 (relation
 * 2), LXRDH2 21 (telephone 2), LXRXM3 31 (name 3), LXRGX3 3 (relation 3), LXRDH3 21 (telephone 3). */
int RHC_CALL iR_DF01EF06Info(HANDLE hDev, char *LXRXM1, char *LXRGX1, char *LXRDH1, char *LXRXM2,
        char *LXRGX2, char *LXRDH2, char *LXRXM3, char *LXRGX3, char *LXRDH3);
int RHC_CALL iW_DF01EF06Info(HANDLE hDev, char *LXRXM1, char *LXRGX1, char *LXRDH1,
        char *LXRXM2, char *LXRGX2, char *LXRDH2, char *LXRXM3, char *LXRGX3,
        char *LXRDH3);

/* DF01/EF07: education, marriage, occupation.
 * WHCD 3 (education), HYZK 3 (marriage), ZY 4 (occupation). */
int RHC_CALL iR_DF01EF07Info(HANDLE hDev, char *WHCD, char *HYZK, char *ZY);
int RHC_CALL iW_DF01EF07Info(HANDLE hDev, char *WHCD, char *HYZK, char *ZY);

/* DF01/EF08: other documents.
 * ZJLB 3 (kind), ZJHM 19 (number), JKDAH 18 (health record), XNHZH 19 (rural insurance). */
int RHC_CALL iR_DF01EF08Info(HANDLE hDev, char *ZJLB, char *ZJHM, char *JKDAH, char *XNHZH);
int RHC_CALL iW_DF01EF08Info(HANDLE hDev, char *ZJLB, char *ZJHM, char *JKDAH,
        char *XNHZH);

/* DF02/EF05: clinical data.
 * ABOXX 3 (blood group), RHXX 3 (Rh negative), XCBZ 3 (asthma), XZBBZ 3 (heart disease), XNXGBBZ 3
 * (cardiovascular), DXBBZ 3 (epilepsy), NXWLBZ 3 (coagulation), TNBBZ 3 (diabetes), QGYBZ 3 (glaucoma), TXBZ 3
 * (dialysis), QGYZBZ 3 (transplant), QGQSBZ 3 (missing organ), KZXYZBZ 3 (prosthesis), XZQBQBZ 3 (pacemaker),
 * QTYXJSMC 41 (other alert). */
int RHC_CALL iR_DF02EF05Info(HANDLE hDev, char *ABOXX, char *RHXX, char *XCBZ, char *XZBBZ, char *XNXGBBZ,
        char *DXBBZ, char *NXWLBZ, char *TNBBZ, char *QGYBZ, char *TXBZ, char *QGYZBZ, char *QGQSBZ,
        char *KZXYZBZ, char *XZQBQBZ, char *QTYXJSMC);
int RHC_CALL iW_DF02EF05Info(HANDLE hDev, char *ABOXX, char *RHXX, char *XCBZ,
        char *XZBBZ, char *XNXGBBZ, char *DXBBZ, char *NXWLBZ, char *TNBBZ,
        char *QGYBZ, char *TXBZ, char *QGYZBZ, char *QGQSBZ, char *KZXYZBZ,
        char *XZQBQBZ, char *QTYXJSMC);

/* DF02/EF06: psychiatric flag (writing needs a SAM of type 2 or 5).
 * JSBBZ 3 (flag). */
int RHC_CALL iR_DF02EF06Info(HANDLE hDev, char *JSBBZ);
int RHC_CALL iW_DF02EF06Info(HANDLE hDev, char *JSBBZ);
/* DF02/EF07: the last three allergies; record 1 is the newest. Sizes: GMWZMC 21 (substance), GMFY 101 (reaction). Writing
 * appends, whatever number is given. */
int RHC_CALL iR_DF02EF07Info(HANDLE hDev, int nRecorderNo, char *GMWZMC, char *GMFY);
int RHC_CALL iW_DF02EF07Info(HANDLE hDev, int nRecorderNo, char *GMWZMC, char *GMFY);

/* DF02/EF08: the last ten vaccinations. Sizes: MYJZMC 21 (vaccine), MYJZSJ 9 (day). */
int RHC_CALL iR_DF02EF08Info(HANDLE hDev, int nRecorderNo, char *MYJZMC, char *MYJZSJ);
int RHC_CALL iW_DF02EF08Info(HANDLE hDev, int nRecorderNo, char *MYJZMC, char *MYJZSJ);

/* ---- visits: DF03. Places: inpatient 1-3, outpatient 1-5 */

/* Flags: 0 when the place holds a record (00), 112 when it is empty (FF). Look before you read. */
int RHC_CALL iR_DF03EF05Info(HANDLE hDev, int nRecorderNo);
int RHC_CALL iR_DF03EF06Info(HANDLE hDev, int nRecorderNo);
/* Makes the record that was given with iW_DF03EE.., iW_DF03ED.. a record of the card: the SAM signs it; data, signature,
 * certificate and flag are written in one transaction. */
int RHC_CALL iW_DF03EF05Info(HANDLE hDev, int nRecorderNo);
int RHC_CALL iW_DF03EF06Info(HANDLE hDev, int nRecorderNo);
/* Frees a place once the back office has accepted its record (SAM of type 5). */
int RHC_CALL iErase_DF03EF05Info(HANDLE hDev, int nRecorderNo);
int RHC_CALL iErase_DF03EF06Info(HANDLE hDev, int nRecorderNo);

/* Pieces. Position and length count bytes on the card: EE 0-1638 data, 1639 signature 64, 1703 certificate 190; ED 0-3012
 * data, 3013 signature, 3077 certificate. Size: AN nLen + 1, others 2 * nLen + 1. Writing: data only; what is shorter is
 * filled up. */
int RHC_CALL iR_DF03EEInfo(HANDLE hDev, int nRecorderNo, char *szData, int nPos, int nLen, int nStyle);
int RHC_CALL iW_DF03EEInfo(HANDLE hDev, int nRecorderNo, char *szData, int nPos, int nLen, int nStyle);
int RHC_CALL iR_DF03EDInfo(HANDLE hDev, int nRecorderNo, char *szData, int nPos, int nLen, int nStyle);
int RHC_CALL iW_DF03EDInfo(HANDLE hDev, int nRecorderNo, char *szData, int nPos, int nLen, int nStyle);

/* Whole records: all elements (EE 147, ED 170) separated by '|', which a value shows as '/'. Size 8192. */
int RHC_CALL iR_DF03EE_ALLInfo(HANDLE hDev, int nRecorderNo, char *szData);
int RHC_CALL iW_DF03EE_ALLInfo(HANDLE hDev, int nRecorderNo, char *szData);
int RHC_CALL iR_DF03ED_ALLInfo(HANDLE hDev, int nRecorderNo, char *szData);
int RHC_CALL iW_DF03ED_ALLInfo(HANDLE hDev, int nRecorderNo, char *szData);

/* A record with signature and certificate, for the back office. nFile: 0xEE (1893 bytes) or 0xED (3267). *pdwLen: size of
 * pbData, then the bytes needed. */
DWORD RHC_CALL wsc_GetVerifyData(HANDLE hCard, int nFile, int nRecorderNo, BYTE *pbData, DWORD *pdwLen);

/* ---- elements by number, many in one transaction */

typedef struct st_itemselect_ {
    WORD wItemFlag;    /* 1-57 tag; 58, 59 allergy; 60, 61 vaccination; 62, 63 flags; 64-212 inpatient; 213-384 outpatient */
    WORD wID;          /* number of the record or place, where there are several */
    void *pValue;      /* the value's characters */
    WORD wValueLen;    /* size of pValue; the zero byte is written where it has room */
    DWORD *pdwErrCode; /* this item's code; may be NULL */
} ITEMSELECT, *P_ITEMSELECT;

/* At most 512 items. The code is that of the first item that failed. */
DWORD RHC_CALL wsc_GetCardInfo(HANDLE hCard, void *pvSelect, int nItem);
DWORD RHC_CALL wsc_PutCardInfo(HANDLE hCard, void *pvSelect, int nItem);

/* ---- beyond the DLL */

/* Names the configuration for the openings that follow, else rhc_reader.toml beside the library, else
 * /etc/rhc/rhc_reader.toml. Mode 0600. */
int RHC_CALL rhc_Configure(const char *path);
/* What the last call of this thread had to say, code first. Gives the bytes of the whole sentence. RHC_LANG=zh: Chinese. */
int RHC_CALL rhc_LastMessage(char *text, int size);

/* The DLL's header declares four functions with other parameters than its manual. Both forms compile: the number of
 * parameters chooses. */
int RHC_CALL rhc_Flags_DF03EF05(HANDLE hDev, char *ZYJLBS1, char *ZYJLBS2, char *ZYJLBS3); /* "00" or "FF", sizes 3 */
int RHC_CALL rhc_Flags_DF03EF06(HANDLE hDev, char *MZJLBS1, char *MZJLBS2, char *MZJLBS3, char *MZJLBS4, char *MZJLBS5);
int RHC_CALL rhc_Append_DF02EF07(HANDLE hDev, char *GMWZMC, char *GMFY);
int RHC_CALL rhc_Append_DF02EF08(HANDLE hDev, char *MYJZMC, char *MYJZSJ);
#if !defined(RHC_ONE_FORM) && (defined(__GNUC__) || defined(_MSC_VER) || __STDC_VERSION__ >= 199901L)
#define RHC_EXPAND(x) x
#define RHC_SEVENTH(a, b, c, d, e, f, name, ...) name
#define RHC_BY_COUNT(two, three, four, six, ...) \
    RHC_EXPAND(RHC_SEVENTH(__VA_ARGS__, six, 0, four, three, two, 0))(__VA_ARGS__)
#define iR_DF03EF05Info(...) RHC_BY_COUNT(iR_DF03EF05Info, 0, rhc_Flags_DF03EF05, 0, __VA_ARGS__)
#define iR_DF03EF06Info(...) RHC_BY_COUNT(iR_DF03EF06Info, 0, 0, rhc_Flags_DF03EF06, __VA_ARGS__)
#define iW_DF02EF07Info(...) RHC_BY_COUNT(0, rhc_Append_DF02EF07, iW_DF02EF07Info, 0, __VA_ARGS__)
#define iW_DF02EF08Info(...) RHC_BY_COUNT(0, rhc_Append_DF02EF08, iW_DF02EF08Info, 0, __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
