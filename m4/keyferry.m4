# SPDX-License-Identifier: MIT
# Macros for configure.ac and for the plugin.m4 of plugins.

# KEYFERRY_PLUGIN(NAME, MODULES)
# Builds the plugin NAME when pkg-config knows MODULES, and says so when it does not. For
# NAME crypto-gnutls: --enable/--disable-crypto-gnutls, the conditional HAVE_CRYPTO_GNUTLS, and
# CRYPTO_GNUTLS_CFLAGS and CRYPTO_GNUTLS_LIBS for its plugin.am.
AC_DEFUN([KEYFERRY_PLUGIN], [
m4_pushdef([kf_var], [m4_translit([$1], [a-z-], [A-Z_])])dnl
m4_pushdef([kf_want], [enable_[]m4_translit([$1], [-], [_])])dnl
AC_ARG_ENABLE([$1],
	[AS_HELP_STRING([--disable-$1], [leave the plugin $1 out (default: built where its libraries are)])],
	[], [kf_want=auto])
keyferry_have=no
AS_IF([test "$kf_want" != no],
	[PKG_CHECK_MODULES(kf_var, [$2], [keyferry_have=yes], [keyferry_have=no])])
AS_IF([test "$keyferry_have$kf_want" = noyes],
	[AC_MSG_ERROR([plugin $1 is asked for and needs: $2])])
AS_IF([test "$keyferry_have" = no], [
	keyferry_plugins_skipped="$keyferry_plugins_skipped $1"
	AS_IF([test "$kf_want" = auto], [AC_MSG_NOTICE([plugin $1 is left out, it needs: $2])])
])
AM_CONDITIONAL([HAVE_]kf_var, [test "$keyferry_have" = yes])
m4_popdef([kf_want])dnl
m4_popdef([kf_var])dnl
])

# KEYFERRY_TRY_FLAG(VARIABLE, FLAG): appends FLAG to VARIABLE when compiling and linking take it.
AC_DEFUN([KEYFERRY_TRY_FLAG], [
AC_MSG_CHECKING([whether $CC takes $2])
keyferry_save_cflags=$CFLAGS
CFLAGS="$CFLAGS $2 -Werror"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes])
	$1="$$1 $2"],
	[AC_MSG_RESULT([no])])
CFLAGS=$keyferry_save_cflags
])

# KEYFERRY_NEED_FLAG(VARIABLE, FLAG, WHAT FOR): the same, but its absence is an error.
AC_DEFUN([KEYFERRY_NEED_FLAG], [
keyferry_before=$$1
KEYFERRY_TRY_FLAG([$1], [$2])
AS_IF([test "$$1" = "$keyferry_before"], [AC_MSG_ERROR([$3 needs a compiler that takes $2])])
])

# KEYFERRY_FLAGS: sets KEYFERRY_CPPFLAGS, KEYFERRY_CFLAGS, KEYFERRY_LDFLAGS for all; SHARED_LDFLAGS for shared
# objects; PIE_CFLAGS and PIE_LDFLAGS for programs; FUZZ_LDFLAGS for fuzz targets.
AC_DEFUN([KEYFERRY_FLAGS], [
KEYFERRY_CPPFLAGS= KEYFERRY_CFLAGS= KEYFERRY_LDFLAGS= SHARED_LDFLAGS= PIE_CFLAGS= PIE_LDFLAGS= FUZZ_LDFLAGS=
KEYFERRY_NEED_FLAG([KEYFERRY_CFLAGS], [-std=gnu11], [keyferry])
for flag in -Wall -Wextra -Wvla -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough
do
	KEYFERRY_TRY_FLAG([KEYFERRY_CFLAGS], [$flag])
done

# A fuzz target without sanitizers would overlook what it finds.
AS_IF([test "$enable_fuzzers" != no], [enable_sanitizers=yes])
AS_IF([test "$enable_sanitizers" != no], [
	KEYFERRY_NEED_FLAG([KEYFERRY_CFLAGS],
		[-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer],
		[--enable-sanitizers])
	KEYFERRY_LDFLAGS="$KEYFERRY_LDFLAGS -fsanitize=address,undefined"
], [
	# Fortified functions are those of the optimizer; glibc warns about the one without the other.
	AS_CASE([" $CFLAGS "], [*" -O0 "*], [],
		[*" -O"*], [KEYFERRY_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
	KEYFERRY_TRY_FLAG([KEYFERRY_CFLAGS], [-fstack-protector-strong])
	KEYFERRY_TRY_FLAG([KEYFERRY_CFLAGS], [-fstack-clash-protection])
	KEYFERRY_TRY_FLAG([KEYFERRY_LDFLAGS], [-Wl,-z,relro,-z,now])
	KEYFERRY_TRY_FLAG([SHARED_LDFLAGS], [-Wl,-z,defs])
])
KEYFERRY_TRY_FLAG([PIE_LDFLAGS], [-fPIE -pie])
AS_IF([test -n "$PIE_LDFLAGS"], [PIE_CFLAGS=-fPIE PIE_LDFLAGS=-pie])

AS_IF([test "$enable_fuzzers" != no], [
	KEYFERRY_NEED_FLAG([KEYFERRY_CFLAGS], [-fsanitize=fuzzer-no-link], [--enable-fuzzers])
	FUZZ_LDFLAGS=-fsanitize=fuzzer
])
AM_CONDITIONAL([ENABLE_FUZZERS], [test "$enable_fuzzers" != no])
# Last: with it, warnings of configure's own probes would decide what the system has.
AS_IF([test "$enable_werror" != no], [KEYFERRY_CFLAGS="$KEYFERRY_CFLAGS -Werror"])

AC_SUBST([KEYFERRY_CPPFLAGS])
AC_SUBST([KEYFERRY_CFLAGS])
AC_SUBST([KEYFERRY_LDFLAGS])
AC_SUBST([SHARED_LDFLAGS])
AC_SUBST([PIE_CFLAGS])
AC_SUBST([PIE_LDFLAGS])
AC_SUBST([FUZZ_LDFLAGS])
])
