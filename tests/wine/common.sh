# Paths and the shared display / Wine server of the rig.
# Sourced by setup, wine-python and selftest; does nothing when run by itself.

RIG_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
RIG_REPOSITORY="$(cd "$RIG_DIR/../.." && pwd)"
RIG_CACHE="${WINE_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spout-wine-rig}"
RIG_WHEELS="$RIG_CACHE/wheels"
RIG_PYTHON="$RIG_CACHE/python"
RIG_RUN="$RIG_CACHE/run"

export WINEPREFIX="$RIG_CACHE/prefix"
export WINEARCH=win64
export WINEDEBUG="${WINEDEBUG:--all}"
# No .NET and no HTML engine (Wine would ask to download them), no entries in the
# desktop menus of the machine.
export WINEDLLOVERRIDES="${WINEDLLOVERRIDES:-mscoree=;mshtml=;winemenubuilder.exe=}"
export LIBGL_ALWAYS_SOFTWARE="${LIBGL_ALWAYS_SOFTWARE:-1}"

# A Linux path as Windows programs in the prefix see it: drive Z: is /.
rig_windows_path() { printf 'Z:%s' "$1"; }

# All programs of one cache share one Xvfb and one Wine server, since Wine keeps a
# single desktop per prefix. The first user starts both, the last one stops both.
# Every user holds a shared lock on users.lock (descriptor 8) while it lives, so a
# user that is killed counts as gone. No child may inherit descriptors 8 and 9.
rig_open() {
    mkdir -p "$RIG_RUN"
    exec 8>>"$RIG_RUN/users.lock"
    flock -s 8
    exec 9>>"$RIG_RUN/start.lock"
    flock -x 9
    rig_alive || rig_start
    exec 9>&-
    DISPLAY=":$(cat "$RIG_RUN/display")"
    export DISPLAY
    unset WAYLAND_DISPLAY
}

rig_alive() {
    local pid
    pid="$(cat "$RIG_RUN/xvfb.pid" 2>/dev/null)" || return 1
    # Name and state: the number may belong to something else by now, or to a dead
    # Xvfb that nobody has collected yet.
    grep -qx 'Name:[[:space:]]*Xvfb' "/proc/$pid/status" 2>/dev/null &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
}

rig_start() {
    local i pid
    : >"$RIG_RUN/display"
    # -displayfd lets Xvfb choose a free display number, so rigs do not collide.
    setsid Xvfb -displayfd 7 -screen 0 640x480x24 -nolisten tcp \
        7>"$RIG_RUN/display" </dev/null >"$RIG_RUN/xvfb.log" 2>&1 8>&- 9>&- &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        [ -s "$RIG_RUN/display" ] && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    if ! [ -s "$RIG_RUN/display" ]; then
        echo "wine rig: Xvfb did not start; see $RIG_RUN/xvfb.log" >&2
        return 1
    fi
    echo "$pid" >"$RIG_RUN/xvfb.pid"
    mkdir -p "$WINEPREFIX"
    # Wine's background processes keep the standard error of whoever starts them,
    # which would hold a caller's pipe open. Start them here, with none.
    DISPLAY=":$(cat "$RIG_RUN/display")" rig_quiet wineserver -p || true
    [ -z "${RIG_NO_BOOT:-}" ] || return 0
    DISPLAY=":$(cat "$RIG_RUN/display")" rig_quiet wine cmd /c exit || true
}

rig_quiet() { "$@" </dev/null >/dev/null 2>&1 8>&- 9>&-; }

# Leave; if nobody else is in, stop this prefix's Wine processes and our Xvfb.
rig_close() {
    local pid
    if [ -z "${WINE_RIG_KEEP:-}" ] && flock -n -x 8; then
        rig_quiet wineserver -k || true
        rig_quiet timeout 10 wineserver -w || true
        if rig_alive; then
            pid="$(cat "$RIG_RUN/xvfb.pid")"
            kill "$pid" 2>/dev/null || true
        fi
        rm -f "$RIG_RUN/xvfb.pid" "$RIG_RUN/display"
    fi
    exec 8>&-
}
