// The packaged protobuf knows nothing of ThreadSanitizer: a map's field must be laid out here as it is there.
// Found before the package's header in that build only.
#pragma once

#include <memory>  // before the macro is hidden: std::shared_ptr is to know of the sanitizer
#include <mutex>

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
