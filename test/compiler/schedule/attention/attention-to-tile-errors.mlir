// RUN: attnc-opt %s --attention-to-tile -split-input-file -verify-diagnostics

// expected-error @+1 {{the module has no tile.target}}
module {
}
