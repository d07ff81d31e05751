#!/usr/bin/env bash
# usage: agent.sh [DIR]
#
# An agent in four steps: asks identityd who it is, and keyd to sign a token for that identity, which it prints as a
# connection string. DIR goes before /run/aziot. Run as the user that is registered with identityd.
set -euo pipefail
DIR=${1:-}

# Step 1: the identity of whoever runs this.
identity="$(curl -sS --unix-socket "$DIR/run/aziot/identityd.sock" 'http://identityd.sock/identities/identity?api-version=2020-09-01')"

hub_name="$(<<< "$identity" jq -r '.spec.hubName')"
gateway_host="$(<<< "$identity" jq -r '.spec.gatewayHost')"
device_id="$(<<< "$identity" jq -r '.spec.deviceId')"
module_id="$(<<< "$identity" jq -r '.spec.moduleId // ""')"
auth_type="$(<<< "$identity" jq -r '.spec.auth.type')"
key_handle="$(<<< "$identity" jq -r '.spec.auth.keyHandle')"
echo "1 identity: hub $hub_name, device $device_id, module $module_id, auth $auth_type, key handle ${key_handle:0:24}..."

# Step 2: the resource and how long the token is good for.
resource_uri="$(printf '%s/devices/%s/modules/%s' "$hub_name" "$device_id" "$module_id" | jq -sRr @uri)"
expiry="$(bc <<< "$(date +%s) + 60 * 60 * 24")"
signature_data="$(printf '%s\n%s' "$resource_uri" "$expiry" | base64 -w 0)"
echo "2 resource: $resource_uri until $expiry"

# Step 3: a signature by a key this process never sees.
signature="$(
    curl -sS --unix-socket "$DIR/run/aziot/keyd.sock" \
        -X POST -H 'content-type: application/json' --data-raw "$(
            jq -cn --arg 'keyHandle' "$key_handle" --arg 'message' "$signature_data" '{
                "keyHandle": $keyHandle,
                "algorithm": "HMAC-SHA256",
                "parameters": {
                    "message": $message,
                },
            }'
        )" 'http://keyd.sock/sign?api-version=2020-09-01' |
        jq '.signature' -r |
        sed -e 's|+|%2b|g' -e 's|/|%2f|g' -e 's|=|%3d|g'
)"
sas_token="$(printf 'sr=%s&se=%s&sig=%s' "$resource_uri" "$expiry" "$signature")"
echo "3 signature: ${signature:0:12}..."

# Step 4: what an SDK connects with.
sas="SharedAccessSignature $sas_token"
if [ "$hub_name" = "$gateway_host" ]; then
    echo "4 connection string: HostName=$hub_name;DeviceId=$device_id;ModuleId=$module_id;SharedAccessSignature=$sas"
else
    echo "4 connection string: HostName=$hub_name;DeviceId=$device_id;ModuleId=$module_id;SharedAccessSignature=$sas;GatewayHost=$gateway_host"
fi
