/* objects_gen.ndjson inside the binary, ended by NUL. collector/ is on the include path. */
    .section .rodata
    .global kibana_objects
    .type kibana_objects, %object
kibana_objects:
    .incbin "kibana/objects_gen.ndjson"
    .byte 0
    .size kibana_objects, . - kibana_objects

    .section .note.GNU-stack, "", %progbits
