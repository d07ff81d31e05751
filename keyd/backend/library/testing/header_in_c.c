/* The header is for C too: what a C compiler makes of the lists is what keyd reads. */
#include <stddef.h>

#include "keyd/backend/library/aziot-keys.h"

const uintptr_t size_of_list_2_1 = sizeof(AZIOT_KEYS_FUNCTION_LIST_2_1_0_0);
const uintptr_t size_of_list_2_0 = sizeof(AZIOT_KEYS_FUNCTION_LIST_2_0_0_0);
const uintptr_t offset_of_decrypt_2_1 = offsetof(AZIOT_KEYS_FUNCTION_LIST_2_1_0_0, decrypt);
const uintptr_t offset_of_decrypt_2_0 = offsetof(AZIOT_KEYS_FUNCTION_LIST_2_0_0_0, decrypt);
const uintptr_t size_of_aead = sizeof(AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS);
const uintptr_t size_of_derived = sizeof(AZIOT_KEYS_SIGN_DERIVED_PARAMETERS);
