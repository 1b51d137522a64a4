# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `make help` lists the targets. Everything that is made lands in .output/.

VERSION	:= 0.1.0
PREFIX	?= /usr/local
LIBDIR	?= $(PREFIX)/lib
# The same by the names that GNU and packagers use.
prefix	?= $(PREFIX)
exec_prefix ?= $(prefix)
sbindir	?= $(exec_prefix)/sbin
includedir ?= $(prefix)/include
datadir	?= $(prefix)/share
localstatedir ?= /var
sysconfdir ?= $(if $(filter /usr,$(prefix)),,$(prefix))/etc
unitdir	?= $(prefix)/lib/systemd/system
mandir	?= $(datadir)/man
libdir	?= $(if $(filter $(PREFIX)/lib,$(LIBDIR)),$(exec_prefix)/lib,$(LIBDIR))
# Where the kernel's types come from: an image or its BTF, or a header that was made of it.
VMLINUX_BTF ?= /sys/kernel/btf/vmlinux
VMLINUX_H ?=
OUT	:= .output
CLANG	?= clang
# Ubuntu keeps one that works out of PATH.
BPFTOOL	:= $(or $(BPFTOOL),$(shell scripts/setup bpftool 2>/dev/null))
ARCH	:= $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Wno-unused-parameter
# No path of this machine in what is built. CPPFLAGS are the caller's, so ours are elsewhere.
NO_PATHS := '-ffile-prefix-map=$(CURDIR)=.'
OWN_CPPFLAGS = -Iinclude -I$(OUT) -D_GNU_SOURCE= -DSKBEXT_VERSION='"$(VERSION)"' \
	$(if $(NCURSES_LIBS),-DHAVE_NCURSES) $(if $(PCAP),-DHAVE_PCAP) \
	$(if $(MICROHTTPD),-DHAVE_MICROHTTPD) -DSKBEXT_STATE_DIR='"$(localstatedir)/lib/skbext"'
USER_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(NO_PATHS) $(OWN_CPPFLAGS) $(CPPFLAGS)
BPF_CFLAGS = -O2 -g $(WARN) $(NO_PATHS) -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Iinclude -I$(OUT)
# As users compile: no -mcpu, no target architecture. <linux/*.h> wants the machine's <asm/*.h>.
TEST_INCLUDES = $(TEST_DIRS:%=-Itests/%)
TEST_BPF_CFLAGS = -O2 -g $(WARN) -target bpf -Iinclude -I$(OUT) $(TEST_INCLUDES) \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch)
LIBS	:= -lbpf -lelf -lz
# For the screen of `skbext top`; NCURSES_LIBS= builds without it.
NCURSES_LIBS ?= $(shell pkg-config --libs ncursesw 2>/dev/null)
# For filters of `skbext trace`, which load libpcap themselves; PCAP= builds without them.
PCAP ?= $(shell pkg-config --exists libpcap 2>/dev/null && echo yes)
# For `skbext metrics --listen`, which loads it itself; MICROHTTPD= builds without it.
MICROHTTPD ?= $(shell pkg-config --exists libmicrohttpd 2>/dev/null && echo yes)
CLI_LIBS = -ljansson $(NCURSES_LIBS) -ldl
DEPS	= -MT $@ -MMD -MP -MF $@.d

BPF	:= $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
SKELS	:= $(BPF:%=$(OUT)/%.skel.h)
LIB_OBJ	:= $(patsubst user/lib/%.c,$(OUT)/lib/%.o,$(wildcard user/lib/*.c))
CLI_OBJ	:= $(patsubst user/cli/%.c,$(OUT)/cli/%.o,$(wildcard user/cli/*.c user/cli/*/*.c))
SO	:= libskbext.so.$(VERSION)
# Tests lie by subject, what is built of them side by side: no two files have the same name.
TEST_DIRS := lib store api lifecycle oracle paths icount cli
TEST_SOURCES := $(wildcard $(TEST_DIRS:%=tests/%/*.c))
vpath %.c $(TEST_DIRS:%=tests/%)
# Programs: the tests, and what tests and scripts run in guests. All other sources are for them.
MAINS	:= $(filter tests/%/oracle.c tests/%/paths.c tests/%/icount.c,$(TEST_SOURCES)) \
	$(wildcard $(TEST_DIRS:%=tests/%/test_*.c))
TESTS	:= $(patsubst %.c,$(OUT)/tests/%,$(notdir $(MAINS)))
TEST_BPF_NAMES := $(notdir $(filter %.bpf.c,$(TEST_SOURCES)))
TEST_PARTS := $(patsubst %.c,$(OUT)/tests/%.o,$(notdir $(filter-out $(MAINS) %.bpf.c,$(TEST_SOURCES))))
TEST_BPF := $(TEST_BPF_NAMES:%.c=$(OUT)/tests/%.o) \
	$(patsubst %.c,$(OUT)/tests/bounded/%.o,$(filter api_%,$(TEST_BPF_NAMES)))
# The library and the command once more, for fuzzers; none where the compiler brings no libFuzzer.
FUZZ_OBJ := $(LIB_OBJ:$(OUT)/%=$(OUT)/fuzz/%) $(CLI_OBJ:$(OUT)/%=$(OUT)/fuzz/%)
FUZZ_PARTS := $(OUT)/fuzz/kernel.o $(OUT)/fuzz/terminal.o $(OUT)/fuzz/skbext.a
FUZZERS	:= $(if $(wildcard $(shell $(CLANG) -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a),\
	$(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c)))
SANITIZED := $(OUT)/tests/test_store.asan $(OUT)/tests/test_store_threads.asan \
	$(OUT)/tests/test_store_threads.tsan $(OUT)/tests/test_store_interleave.asan

ifeq ($(V),1)
Q =
msg =
else
Q = @
msg = @printf '  %-8s %s\n' "$(1)" "$(patsubst $(OUT)/%,%,$@)";
endif

# Pages and completion for shells, of the command's own tables; pages where there is an scdoc.
PAGES	:= skbext.8 skbext.7 skbext.bpf.7 libskbext.3
MAN	:= $(if $(shell command -v scdoc),$(PAGES:%=$(OUT)/man/%))
UNITS	:= skbext.service skbext-kept.service skbext-metrics.service skbext-metrics.timer
COMPLETION := $(OUT)/completion/skbext $(OUT)/completion/_skbext

.PHONY: all lib man run test tests faults fuzz fuzzers bench oracle paths soak matrix toolchains \
	check-setup install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY: $(BPF:%=$(OUT)/%.bpf.o) $(SKELS) $(FUZZ_PARTS)

all: lib $(OUT)/skbext			## build the library and the command (default)
lib: $(OUT)/$(SO) $(OUT)/libskbext.a

run: check-setup			## the main job on real packets: build, then `skbext demo`
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(OUT)/skbext demo

test: check-setup			## all tests; T=name one of them, KERNEL=6.12 one kernel
	$(Q)scripts/setup test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)T='$(T)' KERNEL='$(KERNEL)' tests/run

bench: check-setup			## skbext bench in one run, and a picture: .output/bench.*
	$(Q)scripts/setup bench
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(OUT)/skbext bench --json >$(OUT)/bench.json
	$(Q)scripts/bench-plot $(OUT)/bench.json >$(OUT)/bench.svg

oracle paths: check-setup		## runs of their own: the kernel's extensions, every path
matrix: check-setup			## every image, machine and setting; KERNEL=row
	$(Q)scripts/setup test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)KERNEL='$(KERNEL)' MATRIX=tests/kernels/matrix.list T=kernels tests/run

soak: check-setup			## ten million packets, each kernel; PACKETS=n, KERNEL=label
soak: SCRIPT = lifecycle/soak
oracle paths soak:
	$(Q)scripts/setup test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)KERNEL='$(KERNEL)' PACKETS='$(PACKETS)' tests/$(or $(SCRIPT),$@/$@).sh

faults: check-setup			## fail each system call of each command; COMMAND=, FAULT=, CALL=
	$(Q)scripts/setup test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)COMMAND='$(COMMAND)' FAULT='$(FAULT)' CALL='$(CALL)' AFTER='$(AFTER)' tests/cli/faults.sh

toolchains:				## build and load in Debian suites; SUITE=, CASE=, UPDATE=1
	$(Q)scripts/setup toolchains
	$(Q)SUITE='$(SUITE)' CASE='$(CASE)' UPDATE='$(UPDATE)' tests/toolchains/toolchains.sh

fuzz: check-setup			## fuzz what reads input, an hour; T=name, SECONDS=n each
	$(Q)scripts/setup test
	$(Q)$(MAKE) --no-print-directory fuzzers
	$(Q)tests/fuzz/fuzz.sh '$(T)' '$(SECONDS)'

tests: $(TESTS) $(TEST_BPF) $(SANITIZED) $(FUZZERS)	## build the tests
fuzzers: $(FUZZERS)

check-setup:
	$(Q)scripts/setup build

$(OUT)/vmlinux.h: $(or $(VMLINUX_H),$(VMLINUX_BTF))
	$(call msg,BTF)
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(VMLINUX_H),cp '$<' $@,$(BPFTOOL) btf dump file '$<' format c >$@)

$(or $(VMLINUX_H),$(VMLINUX_BTF)):
	@echo "no $@; give VMLINUX_BTF=FILE (a vmlinux, or its BTF) or VMLINUX_H=FILE (vmlinux.h)" >&2
	@false

$(OUT)/%.bpf.o: bpf/%.bpf.c | $(OUT)/vmlinux.h
	$(call msg,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Ibpf $(DEPS) -c $< -o $@
	$(Q)llvm-strip -g $@

$(OUT)/%.skel.h: $(OUT)/%.bpf.o
	$(call msg,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name $* >$@

$(OUT)/lib/%.o: user/lib/%.c | $(SKELS)
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -fPIC -fvisibility=hidden $(DEPS) -c $< -o $@

$(OUT)/cli/%.o: user/cli/%.c | $(SKELS)
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(DEPS) -c $< -o $@

$(OUT)/libskbext.a: $(LIB_OBJ)
	$(call msg,AR)
	$(Q)rm -f $@; $(AR) rcsD $@ $^

$(OUT)/$(SO): $(LIB_OBJ) user/lib/libskbext.map
	$(call msg,LINK)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,libskbext.so.0 \
		-Wl,--version-script=user/lib/libskbext.map -Wl,-z,defs \
		$(LDFLAGS) $(LIB_OBJ) $(LIBS) -o $@

$(OUT)/skbext: $(CLI_OBJ) $(OUT)/libskbext.a
	$(call msg,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(CLI_LIBS) $(LIBS) -lpthread -o $@

man: $(MAN)				## the manual pages; takes scdoc

$(OUT)/man/skbext.8.scd: user/man/skbext.8.scd.in $(OUT)/skbext
	$(Q)mkdir -p $(@D)
	$(Q)$(OUT)/skbext help --format scdoc >$@.commands
	$(Q)sed -e 's|@VERSION@|$(VERSION)|' -e '/@COMMANDS@/{r $@.commands' -e 'd}' $< >$@

define TO_MAN
	$(call msg,MAN)
	$(Q)mkdir -p $(@D)
	$(Q)scdoc <$< >$@
endef

$(OUT)/man/skbext.8: $(OUT)/man/skbext.8.scd
	$(TO_MAN)

$(OUT)/man/%: user/man/%.scd
	$(TO_MAN)

$(OUT)/completion/skbext $(OUT)/completion/_skbext: $(OUT)/skbext
	$(Q)mkdir -p $(@D)
	$(Q)$(OUT)/skbext help --format $(if $(findstring _skbext,$@),zsh,bash) >$@

# Tests use what an installed skbext offers, the sanitized ones the store's source alone.
$(OUT)/tests/%.bpf.o: %.bpf.c | $(OUT)/vmlinux.h
	$(call msg,BPF)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(TEST_BPF_CFLAGS) $(DEPS) -c $< -o $@

$(OUT)/tests/bounded/%.bpf.o: %.bpf.c | $(OUT)/vmlinux.h
	$(call msg,BPF)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(TEST_BPF_CFLAGS) -DSKBEXT_BOUNDED $(DEPS) -c $< -o $@

$(OUT)/tests/%.o: %.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(TEST_INCLUDES) $(DEPS) -c $< -o $@

$(OUT)/tests/parts.a: $(TEST_PARTS)
	$(call msg,AR)
	$(Q)rm -f $@; $(AR) rcsD $@ $^

$(OUT)/tests/%: %.c $(OUT)/tests/parts.a $(OUT)/libskbext.a
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(TEST_INCLUDES) $(DEPS) $< $(OUT)/tests/parts.a $(OUT)/libskbext.a \
		-ljansson $(LIBS) -lpthread -o $@

$(OUT)/tests/%.asan: %.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(TEST_INCLUDES) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
		$(DEPS) $< -lpthread -o $@

$(OUT)/tests/%.tsan: %.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(TEST_INCLUDES) -O1 -fsanitize=thread $(DEPS) $< -lpthread -o $@

# exit() comes back to the fuzzer (terminal.c), there is nothing to lock (kernel.c), and the command's
# main() is one function of many.
FUZZ_CFLAGS = $(USER_CFLAGS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all

$(OUT)/fuzz/%.o: user/%.c | $(SKELS)
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -Dmain=cli_main $(DEPS) -c $< -o $@

$(OUT)/fuzz/%.o: tests/fuzz/%.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(DEPS) -c $< -o $@

$(OUT)/fuzz/skbext.a: $(FUZZ_OBJ)
	$(call msg,AR)
	$(Q)rm -f $@; $(AR) rcsD $@ $^

$(OUT)/fuzz/%: tests/fuzz/%.c $(FUZZ_PARTS)
	$(call msg,FUZZ)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=exit,--wrap=dir_lock,--wrap=cli_interrupted_within \
		$(DEPS) $< $(FUZZ_PARTS) \
		$(CLI_LIBS) $(LIBS) -lpthread -ldl -o $@

install: all $(MAN) $(COMPLETION)	## install below PREFIX (/usr/local) and DESTDIR
	install -d '$(DESTDIR)$(sbindir)' '$(DESTDIR)$(includedir)/skbext/store' \
		'$(DESTDIR)$(libdir)/pkgconfig' '$(DESTDIR)$(datadir)/skbext/schema'
	install -m 755 $(OUT)/skbext '$(DESTDIR)$(sbindir)/'
	install -m 644 include/skbext/*.h '$(DESTDIR)$(includedir)/skbext/'
	install -m 644 include/skbext/store/*.h '$(DESTDIR)$(includedir)/skbext/store/'
	install -m 644 user/schema/*.json '$(DESTDIR)$(datadir)/skbext/schema/'
	install -m 644 $(OUT)/libskbext.a '$(DESTDIR)$(libdir)/'
	install -m 755 $(OUT)/$(SO) '$(DESTDIR)$(libdir)/'
	ln -sf $(SO) '$(DESTDIR)$(libdir)/libskbext.so.0'
	ln -sf libskbext.so.0 '$(DESTDIR)$(libdir)/libskbext.so'
	sed 's|@PREFIX@|$(prefix)|; s|@LIBDIR@|$(libdir)|; s|@INCLUDEDIR@|$(includedir)|' \
		user/lib/skbext.pc.in | sed 's|=$(prefix)/|=$${prefix}/|; s|@VERSION@|$(VERSION)|' \
		>'$(DESTDIR)$(libdir)/pkgconfig/skbext.pc'
	install -D -m 644 $(OUT)/completion/skbext '$(DESTDIR)$(datadir)/bash-completion/completions/skbext'
	install -D -m 644 $(OUT)/completion/_skbext '$(DESTDIR)$(datadir)/zsh/site-functions/_skbext'
	install -d '$(DESTDIR)$(unitdir)' '$(DESTDIR)$(sysconfdir)/default' '$(DESTDIR)$(datadir)/skbext/operate'
	install -m 644 user/operate/alerts.yml user/operate/dashboard.json user/operate/daemonset.yaml \
		'$(DESTDIR)$(datadir)/skbext/operate/'
	for unit in $(UNITS); do \
		sed 's|@SBINDIR@|$(sbindir)|; s|@SYSCONFDIR@|$(sysconfdir)|g' user/operate/$$unit.in | \
			install -m 644 /dev/stdin '$(DESTDIR)$(unitdir)'/$$unit || exit; \
	done
	[ -e '$(DESTDIR)$(sysconfdir)/default/skbext' ] || \
		install -m 644 user/operate/skbext.default '$(DESTDIR)$(sysconfdir)/default/skbext'
	for page in $(notdir $(MAN)); do \
		install -D -m 644 "$(OUT)/man/$$page" '$(DESTDIR)$(mandir)'/man$${page##*.}/$$page; \
	done

uninstall:				## remove what install put there
	rm -rf '$(DESTDIR)$(includedir)/skbext' '$(DESTDIR)$(datadir)/skbext' '$(DESTDIR)$(sbindir)/skbext'
	rm -f '$(DESTDIR)$(libdir)'/libskbext.* '$(DESTDIR)$(libdir)/pkgconfig/skbext.pc'
	rm -f '$(DESTDIR)$(datadir)/bash-completion/completions/skbext' \
		'$(DESTDIR)$(datadir)/zsh/site-functions/_skbext' '$(DESTDIR)$(sysconfdir)/default/skbext'
	for unit in $(UNITS); do rm -f '$(DESTDIR)$(unitdir)'/$$unit; done
	for page in $(PAGES); do rm -f '$(DESTDIR)$(mandir)'/man$${page##*.}/$$page; done

deb:					## Debian packages: .output/deb/*.deb; DEB_OPTIONS=-d
	$(Q)scripts/packaging/deb $(CURDIR)/$(OUT)/deb $(DEB_OPTIONS)

clean:					## remove all that was made
	rm -rf $(OUT)

help:					## this list
	@sed -n 's/^\([a-z -]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 24

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
