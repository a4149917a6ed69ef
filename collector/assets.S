/* Files are found by the assembler's -I. */
    .section .rodata
    .macro asset name, file
    .global seismo_\name
    .global seismo_\name\()_size
    .balign 16
seismo_\name:
    .incbin "\file"
1:
    .byte 0
    .balign 16
seismo_\name\()_size:
    .quad 1b - seismo_\name
    .endm

    asset agent, "seismo.js"
    asset agent_gzip, "seismo.js.gz"
    asset page_html, "index.html"
    asset page_js, "live.js"
    asset page_css, "live.css"
    asset live_api, "live-api.json"

    .section .note.GNU-stack,"",%progbits
