# What vm-task stands on: every version and every program of the host, written once. Sourced.
# shellcheck shell=sh disable=SC2034

# From the npm registry. pnpm is its native build, so both are one file each and neither needs an install script.
# Whatever registry the machine's npm has, it is these files: each is named by the sha512 of the whole package, as
# `npm view NAME@VERSION dist.integrity` prints it. Change version and hashes together.
node_version=24.21.0
node_x64_integrity=sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==
node_arm64_integrity=sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==
pnpm_version=12.21.0
pnpm_x64_integrity=sha512-8eufCjHXspKbNS/kh8q4Q0gqJoOuvC4Q5pgos6XS8By/nAMtP+jf8F1Cw9er840kfAX+PJ/ts+A9qnLE91rvXQ==
pnpm_arm64_integrity=sha512-4Oj/iF2TDCe2lcH0n4TupPR5sSdrNLclJB6xBElLMPCUOAvBhdf2rRlSaO5M4erJ6g4Fyy7YTXTpcmfFsKyxEA==

# 2.14 has schedules and expectations across subjects. Debian 12 and 13 have older ones; the suite that has a newer one
# is named by its code name, so that it stays the same when it becomes stable.
# The tests ran with versions below nats_server_untested: an older one is taken where there is a choice.
nats_server_minimum=2.14
nats_server_untested=2.16
nats_server_suite=forky

# program, Debian package, oldest version that will do (0: any).
# QEMU 8.2 is the first that maps a snapshot's memory copy-on-write from a read-only file.
host_programs='
qemu-system-x86_64 qemu-system-x86 8.2
qemu-img           qemu-utils      8.2
mmdebstrap         mmdebstrap      0
mke2fs             e2fsprogs       0
newuidmap          uidmap          0
pasta              passt           0
bwrap              bubblewrap      0
ip                 iproute2        0
perl               perl            0
'

# What only the tests start. What one suite alone needs is in a table of its own: `<suite>_programs`, with _ for -.
test_programs='
sshd    openssh-server 0
git     git            0
haproxy haproxy        0
dnsmasq dnsmasq-base   0
'
