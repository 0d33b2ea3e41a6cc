# The tests that follow a document source this file.
# shellcheck shell=bash

# Prints the commands of a section: its indented lines.
commands() { # FILE SECTION
    awk -v wanted="## $2" '
        /^```/ { fenced = !fenced }
        !fenced && /^## / { here = $0 == wanted }
        !fenced && here && /^    / { print substr($0, 5) }' "$1"
}

# Prints the blocks of a section in the language: `sh`, or none.
blocks() { # FILE SECTION LANGUAGE
    awk -v wanted="## $2" -v fence="\`\`\`$3" '
        /^## / { here = $0 == wanted }
        inside && /^```/ { inside = 0; print ""; next }
        /^```/ { inside = 1; shown = here && $0 == fence; next }
        inside && shown' "$1"
}
