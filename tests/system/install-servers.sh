#!/bin/sh
# Installs the servers of the system tests and of the benchmark, as root on Debian; elsewhere says what is skipped.
set -eu

packages='
    apache2-bin buildah chromium curl dante-server dnsmasq-base faketime fonts-dejavu-core gcc gnutls-bin
    haproxy iproute2 jsonnet krb5-admin-server krb5-kdc krb5-user libc6-dev libkrb5-dev man-db microsocks
    netcat-openbsd nftables nginx-light nsd openssh-server openssl privoxy prometheus prometheus-alertmanager
    prometheus-blackbox-exporter shadowsocks-libev squid-openssl strace stunnel4 systemd-container tinyproxy
    unbound victoria-metrics wrk
'
policy=/usr/sbin/policy-rc.d

missing() {
    for package in $packages; do
        dpkg-query --show --showformat '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            echo "$package"
    done
}

# No server may start by itself where there is an init to start it.
forbid_starts() {
    [ ! -e "$policy" ] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >/dev/null
}

go_without() {
    echo "Tests under tests/system whose server is missing will be skipped: $1." >&2
    [ "${CI:-}" != true ] || exit 1
    exit 0
}

[ "$(id -u)" = 0 ] || go_without 'only root can install servers and make network namespaces'
[ -e /etc/debian_version ] || go_without 'servers can be installed on Debian only'
wanted=$(missing)
[ -n "$wanted" ] || exit 0

# shellcheck disable=SC2086 # from here on: one argument a package
echo Installing $wanted
forbid_starts
# The lists of packages may be good as they are, old, or not there: get them only if they do not do.
install $wanted 2>/dev/null || { apt-get update -qq && install $wanted; } || go_without 'apt-get could not install them'
