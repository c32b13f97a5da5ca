(comment) @doc

(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @scope
    (pointer_type (type_identifier) @scope)
    (generic_type type: (type_identifier) @scope)
    (pointer_type (generic_type type: (type_identifier) @scope))]))
  name: (field_identifier) @name) @method

; One type, or each of a group in parentheses.
(type_declaration . (type_spec name: (_) @name type: (struct_type)) .) @struct
(type_declaration . (type_spec name: (_) @name type: (interface_type)) .) @interface
(type_declaration . (type_spec name: (_) @name) .) @type
(type_declaration . (type_alias name: (_) @name) .) @type
(type_declaration "(" (type_spec name: (_) @name type: (struct_type)) @struct)
(type_declaration "(" (type_spec name: (_) @name type: (interface_type)) @interface)
(type_declaration "(" (type_spec name: (_) @name) @type)
(type_declaration "(" (type_alias name: (_) @name) @type)

; A group of constants counts by its first name.
(source_file (const_declaration (const_spec name: (identifier) @name)) @constant)
(source_file (var_declaration (var_spec name: (identifier) @name)) @constant)
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name))) @constant)
