#!/bin/bash
# Installs what is missing: Debian packages (as root, or with sudo), uv, and the Python environment in .venv.
#   scripts/bootstrap.sh run|test        test also installs what only the tests need
# Does nothing, quickly, when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${1:-run}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() { printf 'isthmus: %s\n' "$*" >&2; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------------
command -v apt-get >/dev/null || die "this machine has no apt-get; install the packages named in scripts/debian-packages by hand"
groups="run"
[ "$wanted" = test ] && groups="$groups test"
[ "$(id -u)" = 0 ] || groups="$groups unprivileged"
installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
# A program that is there already, from wherever, is as good as the package.
provided() {
  case "$1" in
  openjdk-17-jre-headless) command -v java >/dev/null ;;
  maven) command -v mvn >/dev/null ;;
  nodejs) command -v node >/dev/null ;;
  npm) command -v npm >/dev/null ;;
  gcc) command -v gcc >/dev/null ;;
  postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
  *) false ;;
  esac
}
missing=()
while read -r group package; do
  case " $groups " in *" $group "*) installed "$package" || provided "$package" || missing+=("$package") ;; esac
done < <(grep -v '^#' scripts/debian-packages)

if [ ${#missing[@]} -gt 0 ]; then
  sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing, and there is no sudo to install them with: ${missing[*]}"
    sudo=(sudo)
  fi
  say "Installing Debian packages: ${missing[*]}"
  # Isthmus runs its own PostgreSQL and Samba; the packages must neither create a system cluster nor start anything.
  case " ${missing[*]} " in *" postgresql "*)
    "${sudo[@]}" sh -c 'mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] ||
      echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf' ;;
  esac
  guard=
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    guard=1
    "${sudo[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d'
    trap '"${sudo[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$guard" ]; then "${sudo[@]}" rm -f /usr/sbin/policy-rc.d; trap - EXIT; fi
  if [ -d /run/systemd/system ]; then
    for each in "samba smbd nmbd samba-ad-dc" "davmail-server davmail-server"; do
      read -r package units <<<"$each"
      # shellcheck disable=SC2086  # several units
      case " ${missing[*]} " in *" $package "*) "${sudo[@]}" systemctl disable -q $units 2>/dev/null || true ;; esac
    done
  fi
fi

# --- Python ----------------------------------------------------------------------------------------------------------
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1). Name another with PYTHON=…"
uv_version=$(cat scripts/uv-version)
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
uv=.tools/uv/bin/uv
if [ "$($uv --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
  "$python" -m venv .tools/uv
  .tools/uv/bin/pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi

# One stamp over everything that decides what is in .venv; the .proto files are among it because they are compiled.
stamp=$({ cat requirements.lock scripts/uv-version; "$python" -V
          find proto/isthmus proto/*.py pyproject.toml {proto,lab,cli,libs/*,services/*}/pyproject.toml -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
if [ "$(cat .venv/isthmus-stamp 2>/dev/null)" != "$stamp" ] || [ ! -x .venv/bin/isthmus ] || [ ! -d proto/gen/isthmus ]; then
  say "Setting up Python in .venv"
  [ -x .venv/bin/python ] || $uv venv --quiet --python "$python" .venv
  # Compiled now: where PYTHONDONTWRITEBYTECODE is set, each of a dozen programs would compile all it imports at every start.
  VIRTUAL_ENV=$PWD/.venv $uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
  members=(); for member in proto libs/* services/* lab cli; do members+=(-e "./$member"); done
  VIRTUAL_ENV=$PWD/.venv $uv pip install --quiet --no-deps --build-constraints requirements.lock --reinstall-package isthmus-proto \
    "${members[@]}"
  .venv/bin/python -m compileall -q proto/gen libs services lab cli
  printf '%s\n' "$stamp" > .venv/isthmus-stamp
fi
