/*
 * How the test programs reach the library: linked with it, or, with BY_DLOPEN, loaded at run time from the path in
 * SDF_LIBRARY. The list of functions is the headers' own.
 */
#ifndef REACH_H
#define REACH_H

#include "hsm_sim_ext.h"
#include <stdio.h>
#include <stdlib.h>

#define RSA_FUNCTIONS(X) \
    X(SDF_ExportSignPublicKey_RSA) \
    X(SDF_ExportEncPublicKey_RSA) \
    X(SDF_GenerateKeyPair_RSA) \
    X(SDF_GenerateKeyWithIPK_RSA) \
    X(SDF_GenerateKeyWithEPK_RSA) \
    X(SDF_ImportKeyWithISK_RSA) \
    X(SDF_ExchangeDigitEnvelopeBaseOnRSA) \
    X(SDF_ExternalPublicKeyOperation_RSA) \
    X(SDF_InternalPublicKeyOperation_RSA) \
    X(SDF_InternalPrivateKeyOperation_RSA)

#define OTHER_FUNCTIONS(X) \
    X(SDF_OpenDevice) \
    X(SDF_CloseDevice) \
    X(SDF_OpenSession) \
    X(SDF_CloseSession) \
    X(SDF_GetDeviceInfo) \
    X(SDF_GenerateRandom) \
    X(SDF_GetPrivateKeyAccessRight) \
    X(SDF_ReleasePrivateKeyAccessRight) \
    X(SDF_ExportSignPublicKey_ECC) \
    X(SDF_ExportEncPublicKey_ECC) \
    X(SDF_GenerateKeyPair_ECC) \
    X(SDF_GenerateKeyWithIPK_ECC) \
    X(SDF_GenerateKeyWithEPK_ECC) \
    X(SDF_ImportKeyWithISK_ECC) \
    X(SDF_GenerateAgreementDataWithECC) \
    X(SDF_GenerateKeyWithECC) \
    X(SDF_GenerateAgreementDataAndKeyWithECC) \
    X(SDF_ExchangeDigitEnvelopeBaseOnECC) \
    X(SDF_GenerateKeyWithKEK) \
    X(SDF_ImportKeyWithKEK) \
    X(SDF_DestroyKey) \
    X(SDF_ExternalVerify_ECC) \
    X(SDF_InternalSign_ECC) \
    X(SDF_InternalVerify_ECC) \
    X(SDF_ExternalEncrypt_ECC) \
    X(SDF_InternalEncrypt_ECC) \
    X(SDF_InternalDecrypt_ECC) \
    X(SDF_Encrypt) \
    X(SDF_Decrypt) \
    X(SDF_CalculateMAC) \
    X(SDF_HashInit) \
    X(SDF_HashUpdate) \
    X(SDF_HashFinal) \
    X(SDF_CreateFile) \
    X(SDF_ReadFile) \
    X(SDF_WriteFile) \
    X(SDF_DeleteFile) \
    X(SDFE_GetVersion) \
    X(SDFE_GetLastError) \
    X(SDFE_OpenDeviceWithConfig) \
    X(SDFE_OfficerInfo) \
    X(SDFE_ExecuteOrder) \
    X(SDFE_Info) \
    X(SDFE_ListKeys) \
    X(SDFE_ListTickets) \
    X(SDFE_TicketStatus) \
    X(SDFE_Audit) \
    X(SDFE_LastPackage) \
    X(SDFE_SignWithKey) \
    X(SDFE_MACWithKey) \
    X(SDFE_Diversify) \
    X(SDFE_DeriveAndWrap) \
    X(SDFE_Fill)

/* Names as texts, which the macros below would change. */
#define NAME_OF_SDF_OpenDevice "SDF_OpenDevice"
#define NAME_OF_SDF_CloseDevice "SDF_CloseDevice"
#define NAME_OF_SDF_OpenSession "SDF_OpenSession"
#define NAME_OF_SDF_CloseSession "SDF_CloseSession"
#define NAME_OF_SDF_GetDeviceInfo "SDF_GetDeviceInfo"
#define NAME_OF_SDF_GenerateRandom "SDF_GenerateRandom"
#define NAME_OF_SDF_GetPrivateKeyAccessRight "SDF_GetPrivateKeyAccessRight"
#define NAME_OF_SDF_ReleasePrivateKeyAccessRight "SDF_ReleasePrivateKeyAccessRight"
#define NAME_OF_SDF_ExportSignPublicKey_RSA "SDF_ExportSignPublicKey_RSA"
#define NAME_OF_SDF_ExportEncPublicKey_RSA "SDF_ExportEncPublicKey_RSA"
#define NAME_OF_SDF_GenerateKeyPair_RSA "SDF_GenerateKeyPair_RSA"
#define NAME_OF_SDF_GenerateKeyWithIPK_RSA "SDF_GenerateKeyWithIPK_RSA"
#define NAME_OF_SDF_GenerateKeyWithEPK_RSA "SDF_GenerateKeyWithEPK_RSA"
#define NAME_OF_SDF_ImportKeyWithISK_RSA "SDF_ImportKeyWithISK_RSA"
#define NAME_OF_SDF_ExchangeDigitEnvelopeBaseOnRSA "SDF_ExchangeDigitEnvelopeBaseOnRSA"
#define NAME_OF_SDF_ExportSignPublicKey_ECC "SDF_ExportSignPublicKey_ECC"
#define NAME_OF_SDF_ExportEncPublicKey_ECC "SDF_ExportEncPublicKey_ECC"
#define NAME_OF_SDF_GenerateKeyPair_ECC "SDF_GenerateKeyPair_ECC"
#define NAME_OF_SDF_GenerateKeyWithIPK_ECC "SDF_GenerateKeyWithIPK_ECC"
#define NAME_OF_SDF_GenerateKeyWithEPK_ECC "SDF_GenerateKeyWithEPK_ECC"
#define NAME_OF_SDF_ImportKeyWithISK_ECC "SDF_ImportKeyWithISK_ECC"
#define NAME_OF_SDF_GenerateAgreementDataWithECC "SDF_GenerateAgreementDataWithECC"
#define NAME_OF_SDF_GenerateKeyWithECC "SDF_GenerateKeyWithECC"
#define NAME_OF_SDF_GenerateAgreementDataAndKeyWithECC "SDF_GenerateAgreementDataAndKeyWithECC"
#define NAME_OF_SDF_ExchangeDigitEnvelopeBaseOnECC "SDF_ExchangeDigitEnvelopeBaseOnECC"
#define NAME_OF_SDF_GenerateKeyWithKEK "SDF_GenerateKeyWithKEK"
#define NAME_OF_SDF_ImportKeyWithKEK "SDF_ImportKeyWithKEK"
#define NAME_OF_SDF_DestroyKey "SDF_DestroyKey"
#define NAME_OF_SDF_ExternalPublicKeyOperation_RSA "SDF_ExternalPublicKeyOperation_RSA"
#define NAME_OF_SDF_InternalPublicKeyOperation_RSA "SDF_InternalPublicKeyOperation_RSA"
#define NAME_OF_SDF_InternalPrivateKeyOperation_RSA "SDF_InternalPrivateKeyOperation_RSA"
#define NAME_OF_SDF_ExternalVerify_ECC "SDF_ExternalVerify_ECC"
#define NAME_OF_SDF_InternalSign_ECC "SDF_InternalSign_ECC"
#define NAME_OF_SDF_InternalVerify_ECC "SDF_InternalVerify_ECC"
#define NAME_OF_SDF_ExternalEncrypt_ECC "SDF_ExternalEncrypt_ECC"
#define NAME_OF_SDF_InternalEncrypt_ECC "SDF_InternalEncrypt_ECC"
#define NAME_OF_SDF_InternalDecrypt_ECC "SDF_InternalDecrypt_ECC"
#define NAME_OF_SDF_Encrypt "SDF_Encrypt"
#define NAME_OF_SDF_Decrypt "SDF_Decrypt"
#define NAME_OF_SDF_CalculateMAC "SDF_CalculateMAC"
#define NAME_OF_SDF_HashInit "SDF_HashInit"
#define NAME_OF_SDF_HashUpdate "SDF_HashUpdate"
#define NAME_OF_SDF_HashFinal "SDF_HashFinal"
#define NAME_OF_SDF_CreateFile "SDF_CreateFile"
#define NAME_OF_SDF_ReadFile "SDF_ReadFile"
#define NAME_OF_SDF_WriteFile "SDF_WriteFile"
#define NAME_OF_SDF_DeleteFile "SDF_DeleteFile"
#define NAME_OF_SDFE_GetVersion "SDFE_GetVersion"
#define NAME_OF_SDFE_GetLastError "SDFE_GetLastError"
#define NAME_OF_SDFE_OpenDeviceWithConfig "SDFE_OpenDeviceWithConfig"
#define NAME_OF_SDFE_OfficerInfo "SDFE_OfficerInfo"
#define NAME_OF_SDFE_ExecuteOrder "SDFE_ExecuteOrder"
#define NAME_OF_SDFE_Info "SDFE_Info"
#define NAME_OF_SDFE_ListKeys "SDFE_ListKeys"
#define NAME_OF_SDFE_ListTickets "SDFE_ListTickets"
#define NAME_OF_SDFE_TicketStatus "SDFE_TicketStatus"
#define NAME_OF_SDFE_Audit "SDFE_Audit"
#define NAME_OF_SDFE_LastPackage "SDFE_LastPackage"
#define NAME_OF_SDFE_SignWithKey "SDFE_SignWithKey"
#define NAME_OF_SDFE_MACWithKey "SDFE_MACWithKey"
#define NAME_OF_SDFE_Diversify "SDFE_Diversify"
#define NAME_OF_SDFE_DeriveAndWrap "SDFE_DeriveAndWrap"
#define NAME_OF_SDFE_Fill "SDFE_Fill"

#ifdef BY_DLOPEN
#include <dlfcn.h>

#define DECLARE(name) static __typeof__(name) *at_##name;
RSA_FUNCTIONS(DECLARE)
OTHER_FUNCTIONS(DECLARE)

static void reach(void) {
    const char *path = getenv("SDF_LIBRARY");
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "SDF_LIBRARY: %s\n", path ? dlerror() : "not set");
        exit(4);
    }
#define FIND(name) \
    if (!(at_##name = (__typeof__(at_##name))dlsym(library, #name))) { \
        fprintf(stderr, "%s\n", dlerror()); \
        exit(4); \
    }
    RSA_FUNCTIONS(FIND)
    OTHER_FUNCTIONS(FIND)
}

#define SDF_OpenDevice at_SDF_OpenDevice
#define SDF_CloseDevice at_SDF_CloseDevice
#define SDF_OpenSession at_SDF_OpenSession
#define SDF_CloseSession at_SDF_CloseSession
#define SDF_GetDeviceInfo at_SDF_GetDeviceInfo
#define SDF_GenerateRandom at_SDF_GenerateRandom
#define SDF_GetPrivateKeyAccessRight at_SDF_GetPrivateKeyAccessRight
#define SDF_ReleasePrivateKeyAccessRight at_SDF_ReleasePrivateKeyAccessRight
#define SDF_ExportSignPublicKey_RSA at_SDF_ExportSignPublicKey_RSA
#define SDF_ExportEncPublicKey_RSA at_SDF_ExportEncPublicKey_RSA
#define SDF_GenerateKeyPair_RSA at_SDF_GenerateKeyPair_RSA
#define SDF_GenerateKeyWithIPK_RSA at_SDF_GenerateKeyWithIPK_RSA
#define SDF_GenerateKeyWithEPK_RSA at_SDF_GenerateKeyWithEPK_RSA
#define SDF_ImportKeyWithISK_RSA at_SDF_ImportKeyWithISK_RSA
#define SDF_ExchangeDigitEnvelopeBaseOnRSA at_SDF_ExchangeDigitEnvelopeBaseOnRSA
#define SDF_ExportSignPublicKey_ECC at_SDF_ExportSignPublicKey_ECC
#define SDF_ExportEncPublicKey_ECC at_SDF_ExportEncPublicKey_ECC
#define SDF_GenerateKeyPair_ECC at_SDF_GenerateKeyPair_ECC
#define SDF_GenerateKeyWithIPK_ECC at_SDF_GenerateKeyWithIPK_ECC
#define SDF_GenerateKeyWithEPK_ECC at_SDF_GenerateKeyWithEPK_ECC
#define SDF_ImportKeyWithISK_ECC at_SDF_ImportKeyWithISK_ECC
#define SDF_GenerateAgreementDataWithECC at_SDF_GenerateAgreementDataWithECC
#define SDF_GenerateKeyWithECC at_SDF_GenerateKeyWithECC
#define SDF_GenerateAgreementDataAndKeyWithECC at_SDF_GenerateAgreementDataAndKeyWithECC
#define SDF_ExchangeDigitEnvelopeBaseOnECC at_SDF_ExchangeDigitEnvelopeBaseOnECC
#define SDF_GenerateKeyWithKEK at_SDF_GenerateKeyWithKEK
#define SDF_ImportKeyWithKEK at_SDF_ImportKeyWithKEK
#define SDF_DestroyKey at_SDF_DestroyKey
#define SDF_ExternalPublicKeyOperation_RSA at_SDF_ExternalPublicKeyOperation_RSA
#define SDF_InternalPublicKeyOperation_RSA at_SDF_InternalPublicKeyOperation_RSA
#define SDF_InternalPrivateKeyOperation_RSA at_SDF_InternalPrivateKeyOperation_RSA
#define SDF_ExternalVerify_ECC at_SDF_ExternalVerify_ECC
#define SDF_InternalSign_ECC at_SDF_InternalSign_ECC
#define SDF_InternalVerify_ECC at_SDF_InternalVerify_ECC
#define SDF_ExternalEncrypt_ECC at_SDF_ExternalEncrypt_ECC
#define SDF_InternalEncrypt_ECC at_SDF_InternalEncrypt_ECC
#define SDF_InternalDecrypt_ECC at_SDF_InternalDecrypt_ECC
#define SDF_Encrypt at_SDF_Encrypt
#define SDF_Decrypt at_SDF_Decrypt
#define SDF_CalculateMAC at_SDF_CalculateMAC
#define SDF_HashInit at_SDF_HashInit
#define SDF_HashUpdate at_SDF_HashUpdate
#define SDF_HashFinal at_SDF_HashFinal
#define SDF_CreateFile at_SDF_CreateFile
#define SDF_ReadFile at_SDF_ReadFile
#define SDF_WriteFile at_SDF_WriteFile
#define SDF_DeleteFile at_SDF_DeleteFile
#define SDFE_GetVersion at_SDFE_GetVersion
#define SDFE_GetLastError at_SDFE_GetLastError
#define SDFE_OpenDeviceWithConfig at_SDFE_OpenDeviceWithConfig
#define SDFE_OfficerInfo at_SDFE_OfficerInfo
#define SDFE_ExecuteOrder at_SDFE_ExecuteOrder
#define SDFE_Info at_SDFE_Info
#define SDFE_ListKeys at_SDFE_ListKeys
#define SDFE_ListTickets at_SDFE_ListTickets
#define SDFE_TicketStatus at_SDFE_TicketStatus
#define SDFE_Audit at_SDFE_Audit
#define SDFE_LastPackage at_SDFE_LastPackage
#define SDFE_SignWithKey at_SDFE_SignWithKey
#define SDFE_MACWithKey at_SDFE_MACWithKey
#define SDFE_Diversify at_SDFE_Diversify
#define SDFE_DeriveAndWrap at_SDFE_DeriveAndWrap
#define SDFE_Fill at_SDFE_Fill
#else
static void reach(void) {}
#endif
#endif
