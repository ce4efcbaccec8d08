#!/bin/sh
# Starts a Redis server, or a Sentinel, of several that replicate: `member.sh server|sentinel`.
#
# Both keep what they learn of each other in a file of their own, which is written here at the very
# first start alone. A member without its file asks the Sentinels who is the master, and where none
# knows, it is $FIRST. SELF is the name under which the others reach this one, ADDRESS where it
# listens; $CONFIG has redis.conf, $SECRETS the passwords. It works in the folder that it starts in.
set -eu

REDIS_PORT=${REDIS_PORT:-6379} SENTINEL_PORT=${SENTINEL_PORT:-26379} SERVICE=callerid
replica=$(cat "$SECRETS/replica-password")
sentinel=$(cat "$SECRETS/sentinel-password")

master() {
    for peer in $PEERS; do
        found=$(REDISCLI_AUTH=$sentinel timeout 3 redis-cli -h "$peer" -p "$SENTINEL_PORT" \
            sentinel get-master-addr-by-name $SERVICE 2>/dev/null | head -n 1) || continue
        case $found in '' | *' '*) ;; *) echo "$found"; return ;; esac
    done
    echo "$FIRST"
}

server() {
    echo "include $CONFIG/redis.conf"
    echo "aclfile $SECRETS/users.acl"
    echo "bind $ADDRESS"
    echo "port $REDIS_PORT"
    echo "replica-announce-ip $SELF"
    echo "masteruser replica"
    echo "masterauth $replica"
    echo "min-replicas-to-write 1"
    echo "min-replicas-max-lag 10"
    echo "repl-diskless-sync-delay 0"
    [ "$1" = "$SELF" ] || echo "replicaof $1 $REDIS_PORT"
}

sentinel() {
    echo "bind $ADDRESS"
    echo "port $SENTINEL_PORT"
    echo "protected-mode no"
    echo "requirepass $sentinel"
    echo "sentinel sentinel-pass $sentinel"
    echo "sentinel resolve-hostnames yes"
    echo "sentinel announce-hostnames yes"
    echo "sentinel announce-ip $SELF"
    echo "sentinel monitor $SERVICE $1 $REDIS_PORT 2"
    echo "sentinel auth-user $SERVICE sentinel"
    echo "sentinel auth-pass $SERVICE $sentinel"
    echo "sentinel down-after-milliseconds $SERVICE ${DOWN_AFTER_MS:-2000}"
    echo "sentinel failover-timeout $SERVICE 10000"
}

file=$1.conf
if [ ! -s "$file" ]; then
    "$1" "$(master)" >"$file.new"
    mv "$file.new" "$file"
fi
case $1 in
server) exec redis-server "$PWD/$file" ;;
sentinel) exec redis-server "$PWD/$file" --sentinel ;;
esac
