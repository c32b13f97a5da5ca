(comment) @doc
(marginalia) @doc

(create_table (object_reference) @name) @table
(create_view (object_reference) @name) @table
(create_materialized_view (object_reference) @name) @table
(create_function (object_reference) @name) @function
(create_trigger (keyword_trigger) . (object_reference) @name) @function
(create_type (object_reference) @name) @type
(create_index column: (_) @name) @constant
