# The Debian packages we build on, each under one target name.
include_guard()
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)

# Abseil and protobuf go into programs as archives: a start is faster and private memory smaller,
# and the gRPC module can bring its own shared copies without meeting ours.
file(GLOB absl_archives /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)
list(FILTER absl_archives EXCLUDE REGEX "absl_(flags|log_internal_test|random_internal_distribution_test|scoped_mock)")
add_library(packaged_absl INTERFACE)
target_link_libraries(packaged_absl INTERFACE -Wl,--start-group ${absl_archives} -Wl,--end-group Threads::Threads)

find_library(PROTOBUF_ARCHIVE NAMES libprotobuf.a REQUIRED)
add_library(packaged_protobuf INTERFACE)
target_link_libraries(packaged_protobuf INTERFACE ${PROTOBUF_ARCHIVE} Threads::Threads z)

add_library(packaged_crypto INTERFACE)
target_link_libraries(packaged_crypto INTERFACE OpenSSL::Crypto)
add_library(packaged_tls INTERFACE)
target_link_libraries(packaged_tls INTERFACE OpenSSL::SSL OpenSSL::Crypto)
find_package(fmt REQUIRED)
add_library(packaged_fmt INTERFACE)
target_link_libraries(packaged_fmt INTERFACE fmt::fmt-header-only)

# Headers of Cryptoki and the loader of modules; TPM 2.0 through ESAPI.
pkg_check_modules(P11_KIT REQUIRED IMPORTED_TARGET p11-kit-1)
add_library(packaged_p11_kit INTERFACE)
target_link_libraries(packaged_p11_kit INTERFACE PkgConfig::P11_KIT)
pkg_check_modules(TSS2 REQUIRED IMPORTED_TARGET tss2-esys tss2-mu tss2-rc tss2-sys tss2-tctildr)
add_library(packaged_tss2 INTERFACE)
target_link_libraries(packaged_tss2 INTERFACE PkgConfig::TSS2)
