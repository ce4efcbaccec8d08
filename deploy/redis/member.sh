#!/bin/sh
# Starts a Redis server, or a Sentinel, of several that replicate: `member.sh server|sentinel`.
#
# Both keep what they learn of each other in a file of their own, in the folder that they start in. It
# is written here at the very first start alone: with the master that the Sentinels tell, and where
# none tells, with $FIRST. SELF is the name under which the others reach this member, ADDRESS where it
# listens, PEERS the names of all; $CONFIG has redis.conf, $SECRETS the passwords.
set -eu

REDIS_PORT=${REDIS_PORT:-6379}
SENTINEL_PORT=${SENTINEL_PORT:-26379}
DOWN_AFTER_MS=${DOWN_AFTER_MS:-2000}
replica_password=$(cat "$SECRETS/replica-password")
sentinel_password=$(cat "$SECRETS/sentinel-password")

master() {
    for peer in $PEERS; do
        told=$(REDISCLI_AUTH=$sentinel_password timeout 3 redis-cli -h "$peer" -p "$SENTINEL_PORT" \
            sentinel get-master-addr-by-name callerid 2>/dev/null | head -n 1)
        case $told in
        '' | *' '*) ;; # nobody there, no such master, or an error's text
        *)
            echo "$told"
            return
            ;;
        esac
    done
    echo "$FIRST"
}

server() {
    cat <<EOF
include $CONFIG/redis.conf
aclfile $SECRETS/users.acl
port $REDIS_PORT
replica-announce-ip $SELF
masteruser replica
masterauth $replica_password
min-replicas-to-write 1
min-replicas-max-lag 10
repl-diskless-sync-delay 0
EOF
    if [ "$1" != "$SELF" ]; then echo "replicaof $1 $REDIS_PORT"; fi
}

sentinel() {
    cat <<EOF
port $SENTINEL_PORT
protected-mode no
requirepass $sentinel_password
sentinel sentinel-pass $sentinel_password
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $SELF
sentinel monitor callerid $1 $REDIS_PORT 2
sentinel auth-user callerid sentinel
sentinel auth-pass callerid $sentinel_password
sentinel down-after-milliseconds callerid $DOWN_AFTER_MS
sentinel failover-timeout callerid 10000
EOF
}

umask 077
if [ ! -s "$1.conf" ]; then
    "$1" "$(master)" >"$1.new"
    mv "$1.new" "$1.conf"
fi
case $1 in # the address is another one at each start of a pod
server) exec redis-server server.conf --bind "$ADDRESS" ;;
sentinel) exec redis-server sentinel.conf --bind "$ADDRESS" --sentinel ;;
esac
