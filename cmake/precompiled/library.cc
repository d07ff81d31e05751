// The library whose precompiled headers every room reuses.
namespace aziot {
extern const int kPrecompiled;
const int kPrecompiled = 1;
}  // namespace aziot
