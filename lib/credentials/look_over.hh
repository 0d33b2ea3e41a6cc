// What is right and wrong with a credential file, told to an administrator.
#pragma once

#include "credentials/file.hh"
#include "link/report.hh"

namespace poppass {

// What the file is used for.
enum class Use { check, change };

// Opens the file by the rules of CredentialFile and reads it with its scanner, so that what is
// called right here works at a check and at a change. Changes nothing.
void look_over_file(const CredentialFileOptions& where, Use use, Report& report);

} // namespace poppass
