// A daemon's configuration as the text of its `00-super.toml`: order and form are fixed, so that files
// written at different times can be compared.
#pragma once

#include <string>

#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/tpmd.pb.h"

namespace aziot::ctl {

// What `config apply` can set, without the options that are left to files of the operator's own. A value that
// is the default is not written.
std::string FormatConfig(const config::v1::Keyd& keyd);
std::string FormatConfig(const config::v1::Certd& certd);
std::string FormatConfig(const config::v1::Identityd& identityd);
std::string FormatConfig(const config::v1::Tpmd& tpmd);

}  // namespace aziot::ctl
