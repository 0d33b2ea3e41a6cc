// What a file's mode says about who may change the file.
#pragma once

#include <sys/stat.h>

namespace poppass {

// Whether the file's group or everybody may write it, or, in a directory, replace what is there.
inline bool others_write(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

} // namespace poppass
