/* Files are found by the assembler's -I. */
    .section .rodata
    .macro asset name, file
    .global seismo_\name\()_begin
    .global seismo_\name\()_end
    .balign 16
seismo_\name\()_begin:
    .incbin "\file"
seismo_\name\()_end:
    .byte 0
    .endm

    asset agent, "seismo.js"
    asset agent_gzip, "seismo.js.gz"
    asset page_html, "index.html"
    asset page_js, "live.js"
    asset page_css, "live.css"

    .section .note.GNU-stack,"",%progbits
