namespace System.Runtime.CompilerServices;

// The compiler asks for this type where records and init accessors are used; netstandard2.0 lacks it.
internal static class IsExternalInit
{
}
