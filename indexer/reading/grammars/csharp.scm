(comment) @doc

(namespace_declaration name: (_) @name) @module
(class_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(struct_declaration name: (_) @name) @struct
(enum_declaration name: (_) @name) @enum
(delegate_declaration name: (_) @name) @type
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(destructor_declaration name: (_) @name) @method
(operator_declaration operator: _ @name) @method
(indexer_declaration "this" @name) @method
(property_declaration name: (_) @name accessors: (accessor_list (accessor_declaration body: (_)))) @method
(property_declaration name: (_) @name value: (arrow_expression_clause)) @method
(local_function_statement name: (_) @name) @function
(field_declaration (modifier) @_modifier (variable_declaration (variable_declarator name: (_) @name))
  (#set! _modifier "const")) @constant
