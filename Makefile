# pawl: GNU make, no configure step.
#
#   make              build/pawl                      make check   every test
#   make lint         floors, doors, style, tidy      make analyze clang's static analyser (minutes)
#   make bench        figures against peers -> bench/RESULTS.md
#   make bench-stale  the edits of tests/stale against peers -> docs/stale.md
#   make fuzz         fuzz targets, FUZZ_SECONDS each make install DESTDIR= PREFIX=/usr/local
#   SAN=address,undefined | thread    a sanitizer build in a folder of its own (build-address ...)
#   DEBUG=1           -O0 -g in build-debug
#   ONLY="WORD ..."   those of check-scenarios whose name has one of the words

CC ?= gcc
CXX ?= g++
PREFIX ?= /usr/local
SAN ?=
DEBUG ?=
V ?= 0

comma := ,
VARIANT := $(if $(filter clang%,$(notdir $(CC))),-clang)$(if $(SAN),-$(firstword $(subst $(comma), ,$(SAN))))$(if $(DEBUG),-debug)
B := build$(VARIANT)

FLOORS := base sys hashing cache engine backends rules cli
# Those of the second list are loaded when they are first needed (sys/library.h): their headers alone are used here.
LINKED := lmdb libxxhash yaml-0.1 jansson libdeflate zlib libzstd
LOADED := libcurl libgit2 libarchive libcrypto
PKG_CFLAGS := $(shell pkg-config --cflags $(LINKED) $(LOADED))
PKG_LIBS := $(shell pkg-config --libs $(LINKED)) -Wl,-Bstatic -lstdc++ -lprotobuf-c -Wl,-Bdynamic -lm

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 -Werror=implicit-function-declaration
HARDEN := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPT := -O2 -g1
ifneq ($(DEBUG),)
OPT := -O0 -g
HARDEN := -fPIE
endif
ifneq ($(SAN),)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN)
HARDEN := -fPIE
SANLINK := -fsanitize=$(SAN)
endif
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) -I. -I$(B) $(PKG_CFLAGS) -pthread -MMD -MP $(CFLAGS)
# The one C++ file, behind its door in base/: no exceptions, no run-time types, and small, for it is the slowest to compile. Its library
# is linked in, since loading it costs every start half a millisecond.
CXXFLAGS_ALL := -std=gnu++17 $(filter-out -O2 -g1,$(OPT)) $(if $(SAN)$(DEBUG),,-O1) $(HARDEN) -fno-exceptions -fno-rtti -Wall -Wextra -I. -pthread \
	-MMD -MP $(CXXFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now -pthread $(SANLINK) $(LDFLAGS)

Q := $(if $(filter 0,$(V)),@)

SRCS := $(foreach f,$(FLOORS),$(wildcard $(f)/*.c))
MAIN := cli/main.c
LIBOBJS := $(B)/base/toml.cc.o $(B)/backends/moby_trace.pb-c.o $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN),$(SRCS)))
UNIT_SRCS := $(wildcard tests/*/test_*.c)
UNITS := $(patsubst %.c,$(B)/%,$(UNIT_SRCS))

.PHONY: all check check-unit check-scenarios lint analyze bench bench-stale fuzz install clean floors
.SECONDARY:

all: $(B)/pawl

$(B)/pawl: $(B)/cli/main.o $(B)/libpawl.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(B)/libpawl.a: $(LIBOBJS)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(B)/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -c -o $@ $<

# Files that are compiled into the program as bytes (Python helpers): x.py -> $(B)/x.py.inc, a list of numbers. A helper of several files is one text in the
# program; the lines with which the files import each other are for who runs them as modules.
$(B)/%.inc: %
	@mkdir -p $(@D)
	$(Q)sed '/^from pyfacts_/d' $< | od -An -v -tu1 | sed 's/ *\([0-9][0-9]*\)/\1,/g' > $@

$(foreach b,$(B) build-fuzz,$(eval $(b)/rules/pyhost.o: $(b)/rules/pyhost.py.inc) \
	$(eval $(b)/rules/pyfacts.o: $(patsubst %,$(b)/rules/pyfacts%.py.inc,_tree _pure _places) $(b)/rules/pyfacts.py.inc))

# Messages of protocol buffers: x.proto -> $(B)/x.pb-c.h and .c. Generated code is compiled without our warnings.
define PROTO
$(1)/%.pb-c.c $(1)/%.pb-c.h: %.proto
	@mkdir -p $$(@D)
	$$(Q)protoc-c -I$$(<D) --c_out=$$(@D) $$<
endef
$(foreach b,$(B) build-fuzz,$(eval $(call PROTO,$(b))))

$(B)/%.pb-c.o: $(B)/%.pb-c.c
	$(Q)$(CC) $(filter-out -W%,$(CFLAGS_ALL)) -c -o $@ $<

$(foreach b,$(B) build-fuzz,$(eval $(b)/backends/moby_trace.o: $(b)/backends/moby_trace.pb-c.h))

$(B)/tests/%: $(B)/tests/%.o $(B)/libpawl.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka

check: check-unit check-scenarios

check-unit: $(UNITS)
	@tools/run-units $(UNITS)

check-scenarios: $(B)/pawl $(B)/tests/backends/contract
	@mkdir -p build && PAWL_TEST_VENV="$$(tools/test-venv)" python3 tests/run.py $(B)/pawl $(ONLY)

lint:
	@tools/lint

analyze:
	@tools/check-tidy --analyze

floors: $(B)/libpawl.a
	@tools/check-floors $(B)

# Hours: what was measured is kept in build/bench-stale and not measured again.
bench-stale: $(B)/pawl
	@python3 bench/stale.py $(TOOLS)

bench: $(B)/pawl
	@python3 bench/run.py $(B)/pawl

fuzz:
	+@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz

# Everything again with clang's coverage instrumentation, one program per fuzz/fuzz_NAME.c.
FUZZ_SECONDS ?= 10
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link
FUZZ_TARGETS := $(patsubst %.c,build-fuzz/%,$(wildcard fuzz/fuzz_*.c))
FUZZ_CFLAGS := -std=gnu17 -D_GNU_SOURCE $(FUZZ_FLAGS) -I. -Ibuild-fuzz $(PKG_CFLAGS) -pthread -MMD -MP

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ_TARGETS)

build-fuzz/%.inc: %
	@mkdir -p $(@D)
	$(Q)sed '/^from pyfacts_/d' $< | od -An -v -tu1 | sed 's/ *\([0-9][0-9]*\)/\1,/g' > $@

build-fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -c -o $@ $<

# The TOML parser is someone else's C++: it is linked as it is, without instrumentation.
build-fuzz/fuzz/%: build-fuzz/fuzz/%.o build/base/toml.cc.o build/backends/moby_trace.pb-c.o $(patsubst %.c,build-fuzz/%.o,$(filter-out $(MAIN),$(SRCS)))
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -pthread -o $@ $^ $(PKG_LIBS)

install: $(B)/pawl
	install -D -m 755 $(B)/pawl $(DESTDIR)$(PREFIX)/bin/pawl

clean:
	rm -rf build build-*

-include $(B)/base/toml.cc.d $(patsubst %.c,$(B)/%.d,$(SRCS)) $(addsuffix .d,$(UNITS))
