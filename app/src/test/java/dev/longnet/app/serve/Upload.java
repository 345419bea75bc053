package dev.longnet.app.serve;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A multipart body taken apart.
 *
 * @param fields the parts that are no files
 * @param files contents by path
 */
record Upload(Map<String, String> fields, Map<String, String> files) {
    private static final Pattern HEADER = Pattern.compile("name=\"([^\"]*)\"(?:; filename=\"([^\"]*)\")?");

    static Upload of(String contentType, byte[] body) {
        String boundary = "--" + contentType.substring(contentType.indexOf("boundary=") + "boundary=".length());
        Upload upload = new Upload(new LinkedHashMap<>(), new LinkedHashMap<>());
        String all = new String(body, StandardCharsets.UTF_8);
        for (String part : all.split(Pattern.quote(boundary))) {
            int end = part.indexOf("\r\n\r\n");
            if (end < 0) {
                continue; // before the first and after the last
            }
            Matcher header = HEADER.matcher(part.substring(0, end));
            String content = part.substring(end + 4, part.length() - 2);
            if (header.find() && header.group(2) == null) {
                upload.fields.put(header.group(1), content);
            } else if (header.group(1).equals("files")) {
                upload.files.put(header.group(2), content);
            }
        }
        return upload;
    }
}
