#!/bin/sh
# Interesting (exit 1) while the module has an attention.
! grep -q attn.attention "$1"
