/* The templates of schemas/elasticsearch/ inside the binary, each ended by NUL. schemas/ is on the include path. */
    .section .rodata
    .macro template name, file
    .global \name
    .type \name, %object
\name:
    .incbin "\file"
    .byte 0
    .size \name, . - \name
    .endm

    template store_template_events, "elasticsearch/events.json"
    template store_template_rollups, "elasticsearch/rollups.json"
    template store_template_alerts, "elasticsearch/alerts.json"
    template store_template_rejects, "elasticsearch/rejects.json"
    template store_template_health, "elasticsearch/health.json"
    template store_template_state, "elasticsearch/state.json"

    .section .note.GNU-stack, "", %progbits
