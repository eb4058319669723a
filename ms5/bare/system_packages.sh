#!/bin/sh
# Debian packages that Python wheels do not contain. The image, .ci/run and `make run` all come through here.
#   system_packages.sh pdf              as root: the libraries behind PDF reports
#   system_packages.sh tests            as root: the same, and what the tests drive and read with
#   system_packages.sh private FOLDER   as anybody: an unpacked copy of the PDF libraries in FOLDER
set -eu

PDF="libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
TESTS="chromium poppler-utils"
export DEBIAN_FRONTEND=noninteractive

install_packages() {
    # Lists may be missing or older than the mirror: fetch them only when the first try fails.
    apt-get install -y --no-install-recommends "$@" </dev/null || {
        apt-get update </dev/null
        apt-get install -y --no-install-recommends "$@" </dev/null
    }
}

unpack_privately() {
    folder=$1
    draft=$folder.new
    rm -rf "$draft"
    mkdir -p "$draft/apt/lists/partial" "$draft/apt/archives/partial"
    private_apt() {
        apt-get -q -y -o Dir::State="$draft/apt" -o Dir::State::Lists="$draft/apt/lists" -o Dir::Cache="$draft/apt" \
            -o Dir::State::status=/var/lib/dpkg/status -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@" </dev/null
    }
    private_apt update
    # shellcheck disable=SC2086
    private_apt install --no-install-recommends --download-only $PDF
    for package in "$draft"/apt/archives/*.deb; do
        [ ! -e "$package" ] || dpkg -x "$package" "$draft"
    done
    rm -rf "$draft/apt" "$folder"
    mv "$draft" "$folder"
}

# shellcheck disable=SC2086
case ${1:-} in
    pdf) install_packages $PDF ;;
    tests) install_packages $PDF $TESTS ;;
    names) echo $PDF ;;
    private) unpack_privately "$2" ;;
    *)
        sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
