@echo off
rem Starts the longnet command line on Windows: builds on first use and sets the JVM's flags.
rem   LONGNET_JAVA_OPTS   further flags of the JVM, such as -Xmx4g
setlocal
set "home=%~dp0"
set "java=java"
if defined JAVA_HOME set "java=%JAVA_HOME%\bin\java"
"%java%" -version >nul 2>&1 || (
    echo longnet: needs a JDK of 17 or newer; install one, such as Eclipse Temurin 17, and set JAVA_HOME 1>&2
    exit /b 1
)
set "jar="
for %%f in ("%home%app\target\longnet-app-*.jar") do set "jar=%%f"
if not exist "%home%target\built-windows" set "jar="
if not defined jar (
    echo longnet: building, first use, about a minute ... 1>&2
    call mvn -q -B -f "%home%pom.xml" -pl app -am -Dmaven.test.skip=true package 1>&2 || exit /b 1
    if not exist "%home%target" mkdir "%home%target"
    rem Written last: an interrupted build does not count.
    echo built>"%home%target\built-windows"
    for %%f in ("%home%app\target\longnet-app-*.jar") do set "jar=%%f"
)
"%java%" -Xmx2g -XX:+UseSerialGC -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0 ^
    %LONGNET_JAVA_OPTS% -cp "%jar%;%home%app\target\lib\*" dev.longnet.app.Main %*
