/* The web files inside the binary: the agent and the live page, made by assets.S from what `npm run build` left, and
 * the description of the page's API. */
#ifndef SEISMO_ASSETS_H
#define SEISMO_ASSETS_H

#include "base/slice.h"

struct slice asset_agent(void);      /* js-agent/dist/seismo.js */
struct slice asset_agent_gzip(void); /* the same, gzip -9 */
struct slice asset_page_html(void);
struct slice asset_page_js(void);
struct slice asset_page_css(void);
struct slice asset_live_api(void); /* schemas/live-api.json */

#endif
