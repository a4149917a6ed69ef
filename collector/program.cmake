# The program: main.c, its commands, and the web files that it carries.
set(agent_dist ${CMAKE_SOURCE_DIR}/js-agent/dist)
set(page_dist ${CMAKE_SOURCE_DIR}/collector/live/page/dist)
foreach(file ${agent_dist}/seismo.js ${page_dist}/index.html ${page_dist}/live.js ${page_dist}/live.css)
  if(NOT EXISTS ${file})
    message(WARNING "${file} is missing: run `npm ci && npm run build` first; the program is left out")
    return()
  endif()
endforeach()

add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/seismo.js.gz
  COMMAND gzip -9 -n -c ${agent_dist}/seismo.js > ${CMAKE_BINARY_DIR}/seismo.js.gz
  DEPENDS ${agent_dist}/seismo.js VERBATIM)
set_source_files_properties(collector/assets.S PROPERTIES
  COMPILE_OPTIONS "-I${agent_dist};-I${page_dist};-I${CMAKE_BINARY_DIR};-I${CMAKE_SOURCE_DIR}/schemas"
  OBJECT_DEPENDS "${CMAKE_BINARY_DIR}/seismo.js.gz;${agent_dist}/seismo.js;${page_dist}/index.html;${page_dist}/live.js;${page_dist}/live.css;${CMAKE_SOURCE_DIR}/schemas/live-api.json")

add_executable(seismo collector/main.c collector/seismo_parts.c collector/seismo_doors.c collector/seismo_live.c collector/seismo_watch.c collector/access.c collector/commands.c collector/commands_mark.c collector/commands_demo.c collector/commands_drain.c collector/commands_forget.c collector/commands_health.c collector/commands_setup.c collector/commands_sourcemap.c collector/sample.c collector/ending.c collector/folder.c collector/reload.c collector/roles.c collector/contradictions.c collector/assets.c collector/assets.S ${CMAKE_BINARY_DIR}/seismo.js.gz)
target_link_libraries(seismo PRIVATE room_ingest room_validate room_enrich room_bus room_index room_rollup room_detect
  room_alert room_watch room_live room_sourcemap room_kibana room_store room_config room_serve room_http room_event room_base)
