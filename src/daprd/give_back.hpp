// What start-up has touched and serving does not need.
#pragma once

namespace daprd {

/// Unmaps the pages of the program's code and constants; those that are needed come back from the
/// page cache at their next use, without I/O. Start-up runs through a lot of code once, and the
/// kernel maps sixteen pages for each it touches. Call once, after start.
void GiveBackStartupPages();

}  // namespace daprd
