package sdkcheck;

/** What the programs share: checks that print a PASS or FAIL line each, and the exit code of them all. */
final class Checks {
  private static boolean failed;

  interface Check {
    void run() throws Exception;
  }

  private Checks() {}

  static void check(String name, Check body) {
    try {
      body.run();
      System.out.println("PASS " + name);
    } catch (Throwable error) {
      failed = true;
      System.out.println("FAIL " + name);
      error.printStackTrace();
    }
  }

  static void expect(boolean condition, Object what) {
    if (!condition) {
      throw new AssertionError(String.valueOf(what));
    }
  }

  /** The error that must come of it. */
  static Exception refused(String what, Check body) {
    try {
      body.run();
    } catch (Exception error) {
      return error;
    }
    throw new AssertionError(what + " was accepted");
  }

  static void exit() {
    System.exit(failed ? 1 : 0);
  }
}
