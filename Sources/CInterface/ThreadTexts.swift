#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One C string per thread, valid until the thread sets the next.
final class ThreadTexts: @unchecked Sendable {
  private var key = pthread_key_t()

  init() { pthread_key_create(&key) { free($0) } }

  func set(_ text: String) {
    free(pthread_getspecific(key))
    pthread_setspecific(key, strdup(text))
  }

  func get() -> UnsafePointer<CChar> {
    if pthread_getspecific(key) == nil { set("") }
    return UnsafePointer(pthread_getspecific(key)!.assumingMemoryBound(to: CChar.self))
  }
}
