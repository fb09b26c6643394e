/*
 * What libhsm_sim_sdf.so offers beyond GM/T 0018: the operations that a health card's key service needs inside the
 * machine. docs/hsm-extension.md describes every field of the JSON texts. Extension version 1.
 *
 * Texts are UTF-8 with a length, not zero-terminated. An answer's buffer has an in-out length; a null buffer, or one that
 * is too small, gives SDR_NOBUFFER and the length needed (a fill is then done already: ask again with the same request
 * ids and take the stored answers).
 */
#ifndef RHC_HSM_SIM_EXT_H
#define RHC_HSM_SIM_EXT_H

#include "sdf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SDFE_VERSION 1

/* The machine refused for a reason that the standard has no code for; SDFE_GetLastError names it. */
#define SDFE_REFUSED (SDR_BASE + 0x0000E001)
/* The machine is busy and did nothing: ask again. */
#define SDFE_BUSY (SDR_BASE + 0x0000E002)

#define SDFE_CARD 0
#define SDFE_SAM 1

/* Most keys, and most factor chains, of one SDFE_DeriveAndWrap; most requests of one SDFE_Fill. */
#define SDFE_MAX_PARENTS 64
#define SDFE_MAX_CHAINS 1024
/* Most keys that one SDFE_DeriveAndWrap gives. */
#define SDFE_MAX_DERIVED 32768
#define SDFE_MAX_FILLS 64
/* Room that the answer to an order may take. */
#define SDFE_ORDER_ROOM 0x00200000

/* Why the last call of this thread failed. */
typedef struct SDFE_Error_st {
    unsigned int code;   /* what the function returned */
    int step;            /* step of a fill, from 0; -1: none */
    char name[64];       /* stable name of the refusal, such as TicketEmpty; zero-terminated; empty: none */
    char detail[256];    /* words without secrets, zero-terminated */
} SDFE_ERROR;

typedef struct SDFE_Ticket_st {
    unsigned long long count;     /* distinct factors allowed */
    unsigned long long used;      /* distinct factors served */
    unsigned long long answers;   /* answers given */
    unsigned long long not_after; /* seconds since 1970 */
    unsigned int closed;          /* 1: closed */
    unsigned int kind;            /* SDFE_CARD, SDFE_SAM */
} SDFE_TICKET;

/* Extension version, without device or session. */
int SDFE_GetVersion(unsigned int *puiVersion);
int SDFE_GetLastError(SDFE_ERROR *pstError);

/* As SDF_OpenDevice, with this configuration file instead of the one found by rule (zero-terminated path). */
int SDFE_OpenDeviceWithConfig(const char *pszPath, void **phDeviceHandle);

/* ---- officers: a device, no session, no operator's credential ---- */

/* JSON of the machine: fingerprint, mark, keys, next order number, officers, policy, audit head. */
int SDFE_OfficerInfo(void *hDeviceHandle, unsigned char *pucJson, unsigned int *puiLength);
/* Executes an order: JSON {"body": text, "signatures": [{"officer", "signature"}]}; answers JSON. An order is spent when it
   arrives, so a buffer of less than SDFE_ORDER_ROOM is refused (SDR_NOBUFFER) before anything is sent. */
int SDFE_ExecuteOrder(void *hDeviceHandle, const unsigned char *pucOrder, unsigned int uiOrderLength,
                      unsigned char *pucJson, unsigned int *puiLength);

/* ---- reading ---- */
int SDFE_Info(void *hSessionHandle, unsigned char *pucJson, unsigned int *puiLength);
/* All keys with attributes and check values, never bytes. */
int SDFE_ListKeys(void *hSessionHandle, unsigned char *pucJson, unsigned int *puiLength);
int SDFE_ListTickets(void *hSessionHandle, unsigned char *pucJson, unsigned int *puiLength);
/* The ticket counter. */
int SDFE_TicketStatus(void *hSessionHandle, const unsigned char *pucTicket, unsigned int uiTicketLength,
                      SDFE_TICKET *pstTicket);
/* At most 1000 audit records from this number on. */
int SDFE_Audit(void *hSessionHandle, unsigned long long ullFrom, unsigned char *pucJson, unsigned int *puiLength);
/* Text of the last package made for this peer. */
int SDFE_LastPackage(void *hSessionHandle, const unsigned char *pucPeer, unsigned int uiPeerLength,
                     unsigned char *pucPackage, unsigned int *puiLength);

/* ---- using keys by name ---- */

/* SM2 signature over a message, with ZA of the identity 1234567812345678. */
int SDFE_SignWithKey(void *hSessionHandle, const unsigned char *pucKey, unsigned int uiKeyLength,
                     const unsigned char *pucMessage, unsigned int uiMessageLength, ECCSignature *pucSignature);
/* First uiMACLength (1-8) bytes of the SM4-CBC-MAC over message || 80 00.., IV zero, with a key of usage mac. */
int SDFE_MACWithKey(void *hSessionHandle, const unsigned char *pucKey, unsigned int uiKeyLength,
                    const unsigned char *pucMessage, unsigned int uiMessageLength, unsigned char *pucMAC,
                    unsigned int uiMACLength);

/* ---- deriving: DK = SM4(K, F || ~F), F 8 bytes, from the top down; every distinct last factor spends one count ---- */

/* A stored key diversified into a session key handle, which encrypts, decrypts and MACs. check value: 3 bytes. */
int SDFE_Diversify(void *hSessionHandle, const unsigned char *pucTicket, unsigned int uiTicketLength,
                   const unsigned char *pucKey, unsigned int uiKeyLength, const unsigned char *pucFactors,
                   unsigned int uiFactorCount, unsigned char *pucCheckValue, void **phKeyHandle);
/*
 * Many parents x many chains of factors in one call, wrapped results only. pucKeys: ids, each ended by a zero byte.
 * pucFactors: uiChainCount chains of uiLevels factors. For chain c and parent p, at place c * parents + p: pucWrapped
 * receives 16 bytes, SM4-ECB under the key encryption key of this index, pucCheckValues 3 bytes.
 */
int SDFE_DeriveAndWrap(void *hSessionHandle, const unsigned char *pucTicket, unsigned int uiTicketLength,
                       unsigned int uiKEKIndex, const unsigned char *pucKeys, unsigned int uiKeysLength,
                       const unsigned char *pucFactors, unsigned int uiLevels, unsigned int uiChainCount,
                       unsigned char *pucWrapped, unsigned int *puiWrappedLength, unsigned char *pucCheckValues,
                       unsigned int *puiCheckValuesLength);

/* ---- protected scripts ---- */

/* Fills the scripts of 1 to 64 cards (SDFE_CARD) or SAMs (SDFE_SAM): a JSON array of requests in, an array of outcomes
   out, {"filled": ...} or {"refused": ...} in the requests' order. */
int SDFE_Fill(void *hSessionHandle, unsigned int uiTarget, const unsigned char *pucRequests,
              unsigned int uiRequestsLength, unsigned char *pucJson, unsigned int *puiLength);

#ifdef __cplusplus
}
#endif
#endif
