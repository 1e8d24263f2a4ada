#!/usr/bin/env bash
# Certificates for an engine that listens on its bridge's gateway, and for the agents that ask it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: certificates.sh DIR [GATEWAY...]

Makes in DIR what is missing or ends within a month, and leaves alone what is there:
  ca/      the authority: cert.pem and key.pem; the key stays on this machine
  server/  the daemon's: ca.pem, cert.pem, key.pem, daemon.json
  client/  the agent's DOCKER_CERT_PATH: ca.pem, cert.pem, key.pem
GATEWAY is an address or a name that the daemon is reached by (default: 172.17.0.1). With other
gateways than before the daemon's certificate is made again, by the same authority.
DAYS sets how long new certificates hold (default: 825; the authority's ten times that).
TEXT
}

fail() { printf 'certificates: %s\n' "$1" >&2; exit "${2:-1}"; }

key() {
  [[ -e $1 ]] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

authority() {
  [[ ! -e ca/cert.pem || -e ca/key.pem ]] || fail "$PWD/ca has a certificate without its key: what it signed can't be renewed"
  key ca/key.pem
  [[ -e ca/cert.pem ]] ||
    openssl req -x509 -new -key ca/key.pem -out ca/cert.pem -days $((10 * days)) \
      -subj '/CN=selfinspect engine CA' -addext keyUsage=critical,keyCertSign,cRLSign
}

# certificate FOLDER EXTENSION...: signed by the authority, unless there is one with these extensions
# that holds for another month.
certificate() {
  local folder=$1 wanted
  shift
  wanted=$(printf '%s\n' basicConstraints=critical,CA:false keyUsage=critical,digitalSignature "$@")
  if [[ -e $folder/cert.pem && -e $folder/extensions && $(<"$folder/extensions") == "$wanted" ]] &&
    openssl x509 -in "$folder/cert.pem" -noout -checkend $((30 * 86400)) >/dev/null; then return; fi
  key "$folder/key.pem"
  cp ca/cert.pem "$folder/ca.pem"
  printf '%s\n' "$wanted" >"$folder/extensions"
  openssl req -new -key "$folder/key.pem" -subj "/CN=selfinspect $folder" |
    openssl x509 -req -CA ca/cert.pem -CAkey ca/key.pem -set_serial "0x$(openssl rand -hex 16)" -days "$days" \
      -extfile "$folder/extensions" -out "$folder/cert.pem" 2>/dev/null
}

alternative_names() {
  local gateway names=()
  for gateway in "$@"; do
    if [[ $gateway == *:* || $gateway =~ ^[0-9.]+$ ]]; then names+=("IP:$gateway"); else names+=("DNS:$gateway"); fi
  done
  (IFS=,; printf 'subjectAltName=%s' "${names[*]}")
}

case ${1:-} in
  '' ) usage >&2; exit 2 ;;
  -h | --help | help) usage; exit ;;
  -*) fail "unknown option: $1" 2 ;;
esac
command -v openssl >/dev/null || fail 'openssl is missing'
days=${DAYS:-825}
umask 077
mkdir -p "$1"/{ca,server,client}
cd "$1"
shift
(($#)) || set -- 172.17.0.1

authority
certificate server extendedKeyUsage=serverAuth "$(alternative_names "$@")"
certificate client extendedKeyUsage=clientAuth
cat >server/daemon.json <<JSON
{
  "tlsverify": true,
  "tlscacert": "$PWD/server/ca.pem",
  "tlscert": "$PWD/server/cert.pem",
  "tlskey": "$PWD/server/key.pem"
}
JSON
