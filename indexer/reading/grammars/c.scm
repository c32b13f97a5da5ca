(comment) @doc

(function_definition declarator: [
  (function_declarator declarator: (identifier) @name)
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  (pointer_declarator declarator: (pointer_declarator
    declarator: (function_declarator declarator: (identifier) @name)))]) @function
; `TEST_IMPL(name) { ... }`: a macro that makes a function.
(function_definition type: (type_identifier) declarator: (parenthesized_declarator (identifier) @name)) @function
(declaration declarator: [
  (function_declarator declarator: (identifier) @name)
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))]) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition type: (struct_specifier) @replaces declarator: (type_identifier) @name) @struct
(type_definition type: (union_specifier) @replaces declarator: (type_identifier) @name) @struct
(type_definition type: (enum_specifier) @replaces declarator: (type_identifier) @name) @enum
(type_definition declarator: [
  (type_identifier) @name
  (pointer_declarator declarator: (type_identifier) @name)
  (function_declarator declarator: (parenthesized_declarator
    (pointer_declarator declarator: (type_identifier) @name)))]) @type
(translation_unit (declaration declarator: (init_declarator
  declarator: (array_declarator declarator: (identifier) @name) value: (initializer_list))) @constant)
(preproc_function_def name: (_) @name) @macro
