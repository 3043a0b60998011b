// Options that every TCP connection of the process gets.
#pragma once

namespace net {

/// Turns on keep-alive probes (every 15 s after 15 s of silence, nine of them), so that a peer
/// whose machine vanished is noticed. Set on a listening socket, accepted ones inherit it.
void SetKeepAlive(int fd);

}  // namespace net
