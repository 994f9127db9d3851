#!/bin/sh
# Makes an authority, a certificate of the broker `kafka` and a password in docker/kafka-secured/secrets, for one machine; what is there stays.
set -eu
cd "$(dirname "$0")"
[ -e secrets/ca.pem ] && exit 0
mkdir -p secrets && cd secrets
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=authority of this machine" \
  -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=kafka" -keyout broker.key -out broker.csr 2>/dev/null
printf 'subjectAltName=DNS:kafka,DNS:localhost,IP:127.0.0.1\n' > broker.ext
openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile broker.ext -out broker.crt 2>/dev/null
# Kafka reads a key and its certificates from one file.
cat broker.key broker.crt > broker.pem
openssl rand -hex 24 > password
printf 'KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG=org.apache.kafka.common.security.plain.PlainLoginModule required user_teststrip="%s";\n' \
  "$(cat password)" > broker.env
# The accounts in the containers are others.
chmod 644 ca.pem broker.pem password
echo "made $(pwd)"
