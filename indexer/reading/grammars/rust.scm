(line_comment) @doc
(block_comment) @doc
(attribute_item) @doc

(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(union_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(trait_item name: (_) @name) @trait
(impl_item type: [
  (type_identifier) @name
  (generic_type type: (_) @name)
  (scoped_type_identifier) @name
  (reference_type type: (type_identifier) @name)]) @impl
(mod_item name: (_) @name body: (_)) @module
(macro_definition name: (_) @name) @macro
(type_item name: (_) @name) @type
(source_file (const_item name: (_) @name) @constant)
(source_file (static_item name: (_) @name) @constant)
(mod_item body: (declaration_list (const_item name: (_) @name) @constant))
(impl_item body: (declaration_list (const_item name: (_) @name) @constant))
