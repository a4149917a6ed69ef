# The .deb: `./run package` makes it. What a version's package depends on is asked of dpkg-shlibdeps, so each distribution gets its own.
if(NOT TARGET seismo)
  return()
endif()
set(deb ${CMAKE_CURRENT_LIST_DIR})

# As Debian wants them: compressed without a time in it.
set(packed ${CMAKE_BINARY_DIR}/packed)
function(seismo_compress from to)
  add_custom_command(OUTPUT ${packed}/${to} COMMAND ${CMAKE_COMMAND} -E make_directory ${packed} COMMAND gzip -9 -n -c ${from} > ${packed}/${to}
    DEPENDS ${from} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY seismo_packed ${packed}/${to})
endfunction()
seismo_compress(${CMAKE_SOURCE_DIR}/CHANGELOG.md changelog.gz)
if(NOT CPACK_PACKAGE_CONTACT) # who distributes the package names himself: cmake -D CPACK_PACKAGE_CONTACT="Name <mail>"
  set(CPACK_PACKAGE_CONTACT "The authors of Seismo <seismo@localhost>")
endif()
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC) # minds SOURCE_DATE_EPOCH
file(CONFIGURE OUTPUT ${packed}/changelog.Debian @ONLY CONTENT
"seismo (@PROJECT_VERSION@-1) unstable; urgency=medium

  * What has changed: changelog.gz beside this file.

 -- @CPACK_PACKAGE_CONTACT@  @now@
")
seismo_compress(${packed}/changelog.Debian changelog.Debian.gz)
seismo_compress(${CMAKE_SOURCE_DIR}/deploy/man/seismo.1 seismo.1.gz)
seismo_compress(${CMAKE_SOURCE_DIR}/deploy/man/seismo.yaml.5 seismo.yaml.5.gz)
get_property(all_packed GLOBAL PROPERTY seismo_packed)
add_custom_target(packed DEPENDS ${all_packed})

install(TARGETS seismo RUNTIME DESTINATION bin)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/seismo.service DESTINATION lib/systemd/system)
install(FILES ${deb}/seismo.yaml DESTINATION /etc/seismo)
install(FILES ${deb}/copyright ${packed}/changelog.gz ${packed}/changelog.Debian.gz DESTINATION share/doc/seismo)
install(FILES ${packed}/seismo.1.gz DESTINATION share/man/man1)
install(FILES ${packed}/seismo.yaml.5.gz DESTINATION share/man/man5)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/completion/seismo.bash DESTINATION share/bash-completion/completions RENAME seismo)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/completion/_seismo DESTINATION share/zsh/vendor-completions)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/completion/seismo.fish DESTINATION share/fish/vendor_completions.d)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME seismo)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "shows what the users of a web site go through")
set(CPACK_PACKAGE_DESCRIPTION "Takes beacons of web pages in, keeps them and shows page and call latencies,\n web vitals, clicks and errors on a live page; tells Slack when it gets worse.\n Alone on SQLite, or with Kafka and Elasticsearch.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deb}/conffiles ${deb}/postinst ${deb}/prerm ${deb}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
