(comment) @doc
(multiline_comment) @doc

(class_declaration declaration_kind: "struct" name: (_) @name) @struct
(class_declaration declaration_kind: "enum" name: (_) @name) @enum
(class_declaration declaration_kind: "extension" name: (_) @name) @impl
(class_declaration name: (_) @name) @class
(protocol_declaration name: (_) @name) @interface
(function_declaration "func" . name: _ @name) @function
(protocol_function_declaration "func" . name: _ @name) @method
(init_declaration "init" @name) @method
(deinit_declaration "deinit" @name) @method
(subscript_declaration "subscript" @name) @method
(typealias_declaration "typealias" . name: (_) @name) @type
(property_declaration name: (pattern bound_identifier: (_) @name) computed_value: (_)) @method
(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @constant)
