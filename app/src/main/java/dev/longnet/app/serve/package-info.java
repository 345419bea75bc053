/** The server: an OpenAI-compatible API over one model, whose thread works for all requests at once, and a page. */
package dev.longnet.app.serve;
