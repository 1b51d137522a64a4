#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A sample of tests/cli/faults.sh (`make faults` does all), and what it has found.
here=$(dirname "$0")
status=0

# A new command is in the script, or named there with the reason why it is not.
missing=''
for name in $("${SKBEXT:-$here/../../.output/skbext}" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	grep -qE "^args_[a-z_]*=\($name[ )]|^# Not here: $name" "$here/faults.sh" || missing+=" $name"
done
[ -n "$missing" ] && { echo "FAIL each_command_is_there: no$missing"; status=1; } ||
	echo "PASS each_command_is_there"

faults()
{
	"$here/faults.sh" "$@" || status=1
}

COMMAND='find stats metrics textfile add del dump purge status bind version help' faults 3
COMMAND='filter top attach attach_clsact detach detach_clsact' faults 3
COMMAND='load unload doctor replace bundle' faults 3
COMMAND='attach_keep detach_keep load_keep' faults 2
# A directory that could not be looked at had nothing kept.
COMMAND=attach_keep CALL=openat FAULT=ENOMEM faults 12
# An unload that stopped half-way took the slots first, and none could end what it had begun.
COMMAND=unload CALL=unlinkat FAULT='KILL EMFILE' faults 12
# A directory that was made and could not be opened stayed.
COMMAND=load AFTER=mkdir CALL=openat FAULT=EMFILE faults
# A hook whose pin or program could not be looked at was called gone; a type's BTF, none.
COMMAND=status CALL=bpf FAULT=ENOSPC faults 40
COMMAND=dump CALL=bpf FAULT=EMFILE faults 12
# A file that the kernel called busy was being written by another process, of which there was none.
COMMAND=bind CALL=fsync FAULT=EBUSY faults
# Without a first program libbpf gives no names, and load did not know its own pins.
COMMAND=load CALL=bpf FIRST=3 FAULT=EBUSY faults
# A full disk under its result was a second line, behind the warning.
COMMAND=load CALL=write FAULT=ENOSPC faults
# It was detached, and its pins stayed; a directory that was not read to its end held nothing.
COMMAND=detach CALL=unlink FAULT=ENOSPC faults
COMMAND=detach CALL=rmdir FAULT=EMFILE faults
COMMAND=detach CALL=getdents64 FAULT=ENOMEM faults
# A filter that could not be asked for had gone: it stayed when its program was detached.
COMMAND='attach_clsact detach_clsact' CALL=sendto FAULT=ENOMEM faults 8
# A clsact whose creation was not answered was nobody's, and stayed.
COMMAND=attach_clsact CALL=recvmsg FIRST=1 FAULT=EBUSY faults
# A pin that could not be looked at was damaged, and the advice to unload; a bpffs was none.
COMMAND=stats CALL=bpf FAULT=ENOMEM faults 8
COMMAND=load CALL=statfs FAULT=ENOMEM faults
# The links of bound programs could not be looked at: no error, or none that matters. Nor could those
# that were about to take over: they were called bound, and out of order.
COMMAND=replace CALL=bpf AFTER=mkdir FAULT=EPERM faults 12
# A directory of pins that was read in part: what was in the rest was bound.
COMMAND=replace CALL=getdents64 AFTER=mkdir FAULT=ENOMEM faults 4
# A table of symbols that could not be read was not permitted; the kernel's BTF, without a reason.
COMMAND=trace CALL=read FAULT=ENOMEM faults
# The kernel's BTF again, for the programs. Without a first trial libbpf maps no data: it died of that.
COMMAND='load attach' CALL=faccessat2 FAULT=ENOMEM faults
COMMAND=trace CALL=faccessat2 FAULT=ENOMEM faults
COMMAND=trace CALL=bpf FIRST=12 FAULT=ENOMEM faults
# A field of a type whose BTF could not be had was unknown, behind a warning.
COMMAND=filter CALL=bpf FAULT=EMFILE faults 10
# What doctor may do is asked without a file; a configuration that was read in part was all of it. Why
# a record could not be written was not said, and a cgroup v2 was there where only a mount was busy.
COMMAND='doctor bundle' CALL=capget FAULT=ENOMEM faults
COMMAND=bundle CALL=read FAULT=EBUSY faults 12
COMMAND=top CALL=write FAULT=ENOSPC faults
COMMAND=demo CALL=mount FAULT=EBUSY faults
# What could not be looked into held more than skbext has put there; what could not be looked at was
# damaged; a map that could not be written, a type that was not loaded.
COMMAND=replace CALL=dup FAULT=ENOMEM faults
COMMAND=replace CALL=openat FAULT=EMFILE faults 25
COMMAND=unload CALL=getdents64 FAULT=ENOSPC faults
COMMAND=unload CALL=bpf FAULT=ENOSPC faults 25
COMMAND=attach CALL=bpf FAULT=EPERM faults 30
# It hid why the directory could not be looked at.
COMMAND='status type_list' CALL=access FAULT=ENOMEM faults
exit $status
