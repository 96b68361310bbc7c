// RUN: attnc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{a schedule has no 'key'; it has form, queries, keys, rows, blocks, few, few_queries, one_body}}
func.func private @name() attributes {a = #attn.attention_schedule<key = 4>}

// -----

// expected-error @+1 {{'rows' is there twice}}
func.func private @twice() attributes {a = #attn.contract_schedule<rows = 4, rows = 4>}

// -----

// expected-error @+1 {{a size of a schedule is positive, not -4}}
func.func private @negative() attributes {a = #attn.contract_schedule<rows = -4>}

// -----

// expected-error @+1 {{'few' and 'few_queries' come together: a form, and the numbers of queries that it is for}}
func.func private @few() attributes {a = #attn.attention_schedule<form = rows, few = dots>}

// -----

// expected-error @+1 {{'few' needs a 'form' for all other numbers of queries}}
func.func private @others() attributes {a = #attn.attention_schedule<few = dots, few_queries = [1 to 2]>}

// -----

// expected-error @+1 {{'few_queries' are ranges of numbers from 1 that rise, such as [1 to 10, 17 to 21]}}
func.func private @ranges() attributes {a = #attn.attention_schedule<form = rows, few = dots, few_queries = [4 to 2]>}
