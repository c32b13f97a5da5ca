; inherits: c
(template_declaration "template" @doc parameters: (_) @doc)
(attribute_declaration) @doc

(namespace_definition name: (_) @name) @module
(class_specifier name: (_) @name body: (_)) @class
(alias_declaration name: (_) @name) @type
(concept_definition name: (_) @name) @type
(function_definition declarator: [
  (function_declarator declarator: (field_identifier) @name)
  (function_declarator declarator: (destructor_name) @name)
  (function_declarator declarator: (operator_name) @name)
  (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))
  (reference_declarator (function_declarator declarator: (field_identifier) @name))
  (reference_declarator (function_declarator declarator: (operator_name) @name))
  (reference_declarator (function_declarator declarator: (identifier) @name))]) @function
(function_definition declarator: [
  (function_declarator declarator: (qualified_identifier) @name)
  (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier) @name))
  (reference_declarator (function_declarator declarator: (qualified_identifier) @name))]) @method
(function_definition declarator: (operator_cast) @name) @function

; Tests: `TEST(Cart, AddsUp) { ... }` is `Cart.AddsUp`.
(function_definition declarator: (function_declarator declarator: (identifier) @_macro
  parameters: (parameter_list
    . (parameter_declaration type: (type_identifier) @scope)
    . (parameter_declaration type: (type_identifier) @name) .))
  (#set! _macro "TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P|BENCHMARK_F")) @function @replaces
