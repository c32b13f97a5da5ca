#!/bin/sh
# This comment tries to clear your screen: [2J[H and to set the title: ]0;owned
# and this one to hide itself with a carriage returnrm -rf nothing
# and this one to turn the reading direction: ‮fdp.exe‬

ring_the_bell() {
    printf '%s\n' "$1"
}

# Asks until the answer is yes or no.
ask_yes_or_no() {
    while :; do
        printf '%s [y/n] ' "$1"
        read -r answer || return 1
        case "$answer" in
            y | Y | yes) return 0 ;;
            n | N | no) return 1 ;;
        esac
    done
}
